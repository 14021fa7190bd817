// The auxiliary view of AVC444 to samples of 4:4:4 ([MS-RDPEGFX] 3.3.8.3.2): its luma holds the
// odd rows, eight of Cb and then eight of Cr in each 16; its chroma holds the odd columns of the
// even rows.

// include: quad.wgsl
// include: chroma.wgsl

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    let block = at / 2;
    // Where the block's odd row of Cb lies in the view's luma; that of Cr lies eight rows below.
    let packed = vec2<i32>(block.x * 2, (block.y / 8) * 16 + block.y % 8);
    var chroma: vec2<i32>;
    if (at.y & 1) == 1 {
        let column = vec2<i32>(at.x, packed.y);
        chroma = vec2<i32>(
            sample(luma_plane, column),
            sample(luma_plane, column + vec2<i32>(0, 8)),
        );
    } else {
        chroma = vec2<i32>(sample(cb_plane, block), sample(cr_plane, block));
        if (at.x & 1) == 0 {
            let average = average_of(block);
            chroma = vec2<i32>(
                restored(
                    average.x,
                    chroma.x,
                    sample(luma_plane, packed),
                    sample(luma_plane, packed + vec2<i32>(1, 0)),
                ),
                restored(
                    average.y,
                    chroma.y,
                    sample(luma_plane, packed + vec2<i32>(0, 8)),
                    sample(luma_plane, packed + vec2<i32>(1, 8)),
                ),
            );
        }
    }
    let shares = vec2<f32>(chroma) / 255.0;
    return vec4<f32>(0.0, shares.x, shares.y, 1.0);
}
