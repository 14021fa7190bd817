// A picture over the window, pixel for pixel. The pipeline's blending says what becomes of it:
// added to what premultiplied alpha lets through, or inverting what lies below.

// include: quad.wgsl

@group(0) @binding(1) var picture: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(picture, source_pixel(position), 0);
}
