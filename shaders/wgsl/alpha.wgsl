// Alpha alone; the pipeline writes no other channel.

// include: quad.wgsl

@group(0) @binding(1) var alpha: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(0.0, 0.0, 0.0, textureLoad(alpha, source_pixel(position), 0).r);
}
