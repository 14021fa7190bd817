// Planes of 4:2:0 to a surface, with the chroma that was averaged away found again by the luma:
// oriel_codecs::yuv::guided says how and why, and does the same on the CPU.

// include: quad.wgsl
// include: yuv.wgsl

override LUMA_NOISE: f32;
override CHROMA_NOISE: f32;
override STEEPEST: f32;
override LEAST_SHARE: f32;
override FULL_SHARE: f32;

@group(0) @binding(1) var luma_plane: texture_2d<f32>;
@group(0) @binding(2) var cb_plane: texture_2d<f32>;
@group(0) @binding(3) var cr_plane: texture_2d<f32>;

// A sample of 0 to 255; beyond the picture its edge is repeated.
fn sample(plane: texture_2d<f32>, at: vec2<i32>) -> f32 {
    let last = vec2<i32>(textureDimensions(plane)) - 1;
    return round(textureLoad(plane, clamp(at, vec2<i32>(0), last), 0).r * 255.0);
}

// Cb and Cr of a block of 2x2 pixels, less what stands for no colour.
fn chroma_of(block: vec2<i32>) -> vec2<f32> {
    return vec2<f32>(sample(cb_plane, block), sample(cr_plane, block)) - CHROMA_ZERO;
}

// Sum of the luma of a block's pixels, less 512.
fn luma_of(block: vec2<i32>) -> f32 {
    let last = vec2<i32>(textureDimensions(cb_plane)) - 1;
    let at = clamp(block, vec2<i32>(0), last) * 2;
    return sample(luma_plane, at) + sample(luma_plane, at + vec2<i32>(1, 0))
        + sample(luma_plane, at + vec2<i32>(0, 1)) + sample(luma_plane, at + vec2<i32>(1, 1))
        - 512.0;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    let block = at / 2;
    let here = chroma_of(block);
    let luma = sample(luma_plane, at);
    var around: array<vec2<f32>, 9>;
    var is_flat = true;
    for (var n = 0; n < 9; n++) {
        around[n] = chroma_of(block + vec2<i32>(n % 3, n / 3) - 1);
        is_flat = is_flat && all(around[n] == here);
    }
    var chroma = here;
    if !is_flat {
        var sum_luma = 0.0;
        var sum_luma_luma = 0.0;
        var sum_chroma = vec2<f32>(0.0);
        var sum_both = vec2<f32>(0.0);
        var sum_chroma_chroma = 0.0;
        for (var n = 0; n < 9; n++) {
            let l = luma_of(block + vec2<i32>(n % 3, n / 3) - 1);
            sum_luma += l;
            sum_luma_luma += l * l;
            sum_chroma += around[n];
            sum_both += l * around[n];
            sum_chroma_chroma += dot(around[n], around[n]);
        }
        // Luma comes in sums of four pixels.
        let luma_variance = (9.0 * sum_luma_luma - sum_luma * sum_luma) / (81.0 * 16.0);
        let both = (9.0 * sum_both - sum_luma * sum_chroma) / (81.0 * 4.0);
        let variance = (9.0 * sum_chroma_chroma - dot(sum_chroma, sum_chroma)) / 81.0;
        let slope = clamp(
            both / (luma_variance + LUMA_NOISE), vec2<f32>(-STEEPEST), vec2<f32>(STEEPEST)
        );
        let unexplained =
            variance - 2.0 * dot(slope, both) + dot(slope, slope) * luma_variance;
        let share = 1.0 - unexplained / (variance + CHROMA_NOISE);
        let trust = clamp((share - LEAST_SHARE) / (FULL_SHARE - LEAST_SHARE), 0.0, 1.0);
        let guided = here + slope * (luma - (luma_of(block) * 0.25 + 128.0));
        // The nearer neighbours: 0 or 2 of three, each way.
        let side = (at & vec2<i32>(1)) * 2;
        let smoothed = (9.0 * here + 3.0 * around[3 + side.x] + 3.0 * around[side.y * 3 + 1]
            + around[side.y * 3 + side.x]) / 16.0;
        chroma = clamp(
            smoothed + trust * (guided - smoothed), vec2<f32>(-128.0), vec2<f32>(127.0)
        );
    }
    return color_of(
        luma / 255.0, (chroma.x + CHROMA_ZERO) / 255.0, (chroma.y + CHROMA_ZERO) / 255.0
    );
}
