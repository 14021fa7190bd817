// The auxiliary view of AVC444v2 to samples of 4:4:4 ([MS-RDPEGFX] 3.3.8.3.3): its luma holds the
// odd columns, Cb in the left half and Cr in the right; its chroma holds the even columns of the
// odd rows, of even blocks in the first plane and of odd blocks in the second.

// include: quad.wgsl
// include: chroma.wgsl

// The odd row's even column of a block, for the half that starts at `shift` of the view's luma.
fn below(block: vec2<i32>, shift: i32) -> i32 {
    let at = vec2<i32>(shift / 2 + block.x / 2, block.y);
    if (block.x & 1) == 0 {
        return sample(cb_plane, at);
    }
    return sample(cr_plane, at);
}

fn chroma_of(at: vec2<i32>, shift: i32, average: i32) -> i32 {
    let block = at / 2;
    let right = sample(luma_plane, vec2<i32>(shift + block.x, at.y));
    if (at.x & 1) == 1 {
        return right;
    }
    if (at.y & 1) == 1 {
        return below(block, shift);
    }
    let below_right = sample(luma_plane, vec2<i32>(shift + block.x, at.y + 1));
    return restored(average, right, below(block, shift), below_right);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = source_pixel(position);
    // The halves are those of the coded view, whole macroblocks.
    let half = (i32(textureDimensions(luma_plane).x) + 15) / 16 * 8;
    let average = average_of(at / 2);
    let shares = vec2<f32>(
        f32(chroma_of(at, 0, average.x)),
        f32(chroma_of(at, half, average.y)),
    ) / 255.0;
    return vec4<f32>(0.0, shares.x, shares.y, 1.0);
}
