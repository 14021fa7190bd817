// Planes of 4:2:0 to a surface: all of a block of 2x2 pixels take its chroma as it is.

// include: quad.wgsl
// include: yuv.wgsl

@group(0) @binding(1) var luma_plane: texture_2d<f32>;
@group(0) @binding(2) var cb_plane: texture_2d<f32>;
@group(0) @binding(3) var cr_plane: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    return color_of(
        textureLoad(luma_plane, at, 0).r,
        textureLoad(cb_plane, at / 2, 0).r,
        textureLoad(cr_plane, at / 2, 0).r,
    );
}
