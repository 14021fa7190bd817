// The main view of AVC444, both versions, to samples of 4:4:4 ([MS-RDPEGFX] 3.3.8.3.2).

// include: quad.wgsl

@group(0) @binding(1) var luma_plane: texture_2d<f32>;
@group(0) @binding(2) var cb_plane: texture_2d<f32>;
@group(0) @binding(3) var cr_plane: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    return vec4<f32>(
        textureLoad(luma_plane, at, 0).r,
        textureLoad(cb_plane, at / 2, 0).r,
        textureLoad(cr_plane, at / 2, 0).r,
        1.0,
    );
}

// The chroma as it came, for the auxiliary views that follow. The target has a texel a block.
@fragment
fn fragment_chroma(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let block = source_pixel(position);
    return vec4<f32>(
        textureLoad(cb_plane, block, 0).r,
        textureLoad(cr_plane, block, 0).r,
        0.0,
        1.0,
    );
}
