// Rectangles of the target, one an instance, given in pixels.

struct Pass {
    // Width and height of the target, px.
    target_size: vec2<f32>,
    // Where the source's first pixel lies on the target, px.
    origin: vec2<i32>,
}

@group(0) @binding(0) var<uniform> pass_: Pass;

// Corner `index` of 0 to 3 of `rect` (left, top, right, bottom), as a triangle strip.
fn corner(index: u32, rect: vec4<f32>) -> vec4<f32> {
    let x = select(rect.x, rect.z, (index & 1u) == 1u);
    let y = select(rect.y, rect.w, (index & 2u) == 2u);
    let place = vec2<f32>(x, y) / pass_.target_size;
    return vec4<f32>(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}

@vertex
fn vertex(@builtin(vertex_index) index: u32, @location(0) rect: vec4<f32>)
    -> @builtin(position) vec4<f32>
{
    return corner(index, rect);
}

// The source's pixel for a fragment.
fn source_pixel(position: vec4<f32>) -> vec2<i32> {
    return vec2<i32>(floor(position.xy)) - pass_.origin;
}
