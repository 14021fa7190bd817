// Chroma that is interleaved, as hardware gives it (NV12), to planes of its own.

// include: quad.wgsl

@group(0) @binding(1) var pairs: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(textureLoad(pairs, source_pixel(position), 0).r, 0.0, 0.0, 1.0);
}

@fragment
fn fragment_cr(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(textureLoad(pairs, source_pixel(position), 0).g, 0.0, 0.0, 1.0);
}
