// One colour into rectangles.

// include: quad.wgsl

struct Filled {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) color: vec4<f32>,
}

@vertex
fn vertex_colored(
    @builtin(vertex_index) index: u32,
    @location(0) rect: vec4<f32>,
    @location(1) color: vec4<f32>,
) -> Filled {
    return Filled(corner(index, rect), color);
}

@fragment
fn fragment(filled: Filled) -> @location(0) vec4<f32> {
    return filled.color;
}
