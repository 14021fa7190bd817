// Full-range BT.709 ([MS-RDPEGFX] 3.3.8.3.1). The numbers are those of oriel_codecs::yuv.
override RED_FROM_CR: f32;
override GREEN_FROM_CB: f32;
override GREEN_FROM_CR: f32;
override BLUE_FROM_CB: f32;
// The sample that stands for no colour, 0 to 255.
override CHROMA_ZERO: f32;

// Samples of 0 to 1 to an opaque colour.
fn color_of(luma: f32, cb: f32, cr: f32) -> vec4<f32> {
    let y = luma * 255.0;
    let u = cb * 255.0 - CHROMA_ZERO;
    let v = cr * 255.0 - CHROMA_ZERO;
    let rgb = vec3<f32>(
        y + RED_FROM_CR * v,
        y + GREEN_FROM_CB * u + GREEN_FROM_CR * v,
        y + BLUE_FROM_CB * u,
    );
    return vec4<f32>(clamp(rgb / 255.0, vec3<f32>(0.0), vec3<f32>(1.0)), 1.0);
}
