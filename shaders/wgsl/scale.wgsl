// A picture at another size, opaque: a surface on the output, the output in the window.
//
// The CPU's twin is oriel_render::compositor::Scaler.

// include: quad.wgsl

// Mitchell and Netravali's B and C.
override MITCHELL_B: f32;
override MITCHELL_C: f32;
// The kernel grows with the shrinking factor up to this one.
override MAX_SHRINK: f32;

// sRGB's curve: where it begins, its slope before that, its exponent and its offset.
override SRGB_KNEE: f32;
override SRGB_SLOPE: f32;
override SRGB_EXPONENT: f32;
override SRGB_OFFSET: f32;

struct Scale {
    // Width and height of the picture, px.
    source_size: vec2<u32>,
    // Width and height at which all of it is shown, px.
    shown_size: vec2<u32>,
    // 1: the cubic kernel. 0: the pixel that lies there; exact where the sizes are the same.
    is_cubic: u32,
}

@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var<uniform> scale: Scale;

fn mitchell(distance: f32) -> f32 {
    let b = MITCHELL_B;
    let c = MITCHELL_C;
    let x = abs(distance);
    if x < 1.0 {
        return ((12.0 - 9.0 * b - 6.0 * c) * x * x * x
            + (-18.0 + 12.0 * b + 6.0 * c) * x * x
            + (6.0 - 2.0 * b)) / 6.0;
    }
    if x < 2.0 {
        return ((-b - 6.0 * c) * x * x * x
            + (6.0 * b + 30.0 * c) * x * x
            + (-12.0 * b - 48.0 * c) * x
            + (8.0 * b + 24.0 * c)) / 6.0;
    }
    return 0.0;
}

// The light of a pixel that was read.
fn light_of(value: vec3<f32>) -> vec3<f32> {
    let curve = pow((value + SRGB_OFFSET) / (1.0 + SRGB_OFFSET), vec3<f32>(SRGB_EXPONENT));
    return select(curve, value / SRGB_SLOPE, value <= vec3<f32>(SRGB_KNEE));
}

// What is stored for a light of 0 to 1.
fn value_of(light: vec3<f32>) -> vec3<f32> {
    let curve = (1.0 + SRGB_OFFSET) * pow(light, vec3<f32>(1.0 / SRGB_EXPONENT)) - SRGB_OFFSET;
    return select(curve, light * SRGB_SLOPE, light <= vec3<f32>(SRGB_KNEE / SRGB_SLOPE));
}

// The light around a place, weighted.
fn cubic(at: vec2<i32>) -> vec3<f32> {
    let ratio = vec2<f32>(scale.source_size) / vec2<f32>(scale.shown_size);
    let stretch = clamp(ratio, vec2<f32>(1.0), vec2<f32>(MAX_SHRINK));
    let centre = (vec2<f32>(at) + 0.5) * ratio - 0.5;
    let low = vec2<i32>(ceil(centre - 2.0 * stretch));
    let high = vec2<i32>(floor(centre + 2.0 * stretch));
    let last = vec2<i32>(scale.source_size) - 1;
    var total = vec3<f32>(0.0);
    var weights = 0.0;
    for (var y = low.y; y <= high.y; y++) {
        let weight_y = mitchell((f32(y) - centre.y) / stretch.y);
        for (var x = low.x; x <= high.x; x++) {
            let weight = weight_y * mitchell((f32(x) - centre.x) / stretch.x);
            let place = clamp(vec2<i32>(x, y), vec2<i32>(0), last);
            total += weight * light_of(textureLoad(picture, place, 0).rgb);
            weights += weight;
        }
    }
    return total / weights;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    if scale.is_cubic == 1u {
        let light = clamp(cubic(at), vec3<f32>(0.0), vec3<f32>(1.0));
        return vec4<f32>(value_of(light), 1.0);
    }
    let place = vec2<u32>(at) * scale.source_size / scale.shown_size;
    return vec4<f32>(textureLoad(picture, vec2<i32>(place), 0).rgb, 1.0);
}
