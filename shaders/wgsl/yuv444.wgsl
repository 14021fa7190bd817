// Luma, Cb and Cr, in the channels red, green and blue of one texture, to a surface.

// include: quad.wgsl
// include: yuv.wgsl

@group(0) @binding(1) var samples: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let yuv = textureLoad(samples, source_pixel(position), 0);
    return color_of(yuv.r, yuv.g, yuv.b);
}
