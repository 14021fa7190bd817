// An auxiliary view of AVC444 and the main view's chroma, to the chroma of each pixel.

// A step that the reverse filter makes and that is no larger than this, 0 to 255, is noise.
override REVERSE_FILTER_THRESHOLD: i32;

@group(0) @binding(1) var luma_plane: texture_2d<f32>;
@group(0) @binding(2) var cb_plane: texture_2d<f32>;
@group(0) @binding(3) var cr_plane: texture_2d<f32>;
// Cb and Cr of the main view, a texel for a block of 2x2 pixels.
@group(0) @binding(4) var main_chroma: texture_2d<f32>;

fn sample(plane: texture_2d<f32>, at: vec2<i32>) -> i32 {
    let last = vec2<i32>(textureDimensions(plane)) - 1;
    return i32(round(textureLoad(plane, min(at, last), 0).r * 255.0));
}

// The sample of a block's first pixel, from the block's average and its other three samples.
fn restored(average: i32, right: i32, below: i32, below_right: i32) -> i32 {
    let filtered = clamp(4 * average - right - below - below_right, 0, 255);
    return select(filtered, average, abs(filtered - average) <= REVERSE_FILTER_THRESHOLD);
}

fn average_of(block: vec2<i32>) -> vec2<i32> {
    return vec2<i32>(round(textureLoad(main_chroma, block, 0).rg * 255.0));
}
