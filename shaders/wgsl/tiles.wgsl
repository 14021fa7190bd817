// RemoteFX's tiles, from the entropy decoder's coefficients to pixels: oriel_codecs::remotefx does
// the same on the CPU, to the bit. A workgroup makes a tile of 64x64 pixels, one component after
// the other, in numbers of 16 bits that wrap around.
//
// A level of the transform is two passes, rows and then columns. A thread makes pairs of samples,
// the even and the odd one after it: all is read before anything is written, so that one plane
// is enough.

override CR_TO_RED: i32;
override CB_TO_GREEN: i32;
override CR_TO_GREEN: i32;
override CB_TO_BLUE: i32;

struct Tile {
    // Where in `pixels` its first one is, and how many lie from row to row.
    place: u32,
    pitch: u32,
    // 1 for borders that reduce and extrapolate.
    extrapolates: u32,
    // How far coefficients go left: a byte a band, three words a component.
    shifts: array<u32, 9>,
}

@group(0) @binding(0) var<storage, read> tiles: array<Tile>;
// Two in a word, 4096 a component, three components a tile.
@group(0) @binding(1) var<storage, read> coefficients: array<u32>;
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;

const SIDE: i32 = 64;
const THREADS: i32 = 256;
// Pairs that a thread makes in a pass of the largest level.
const PAIRS: i32 = 8;

var<workgroup> plane: array<i32, 4096>;

// A level: how many low and high coefficients there are along an axis, where its bands begin.
struct Level {
    low: i32,
    high: i32,
    start: i32,
    // Its first band, of ten.
    band: u32,
    is_first: bool,
}

struct Component {
    tile: u32,
    number: u32,
}

// The lower 16 bits as a number.
fn wrap(value: i32) -> i32 {
    return extractBits(value, 0u, 16u);
}

// The coefficient at a place, of a band, dequantised.
fn coefficient(part: Component, at: i32, band: u32) -> i32 {
    let word = coefficients[(part.tile * 3u + part.number) * 2048u + u32(at) / 2u];
    let value = extractBits(i32(word), (u32(at) & 1u) * 16u, 16u);
    let shift = extractBits(tiles[part.tile].shifts[part.number * 3u + band / 4u], (band & 3u) * 8u, 8u);
    return select(wrap(value << min(shift, 16u)), 0, shift > 15u);
}

// High coefficients are mirrored before the first; behind the last too, or are the zeros that were
// left out there.
fn high_index(level: Level, n: i32) -> i32 {
    return clamp(n, 0, level.high - 1);
}

fn is_left_out(level: Level, n: i32) -> bool {
    return n >= level.high && level.low - level.high > 1;
}

fn low_in_row(part: Component, level: Level, row: i32, n: i32) -> i32 {
    if row >= level.low {
        let lh = level.start + level.low * level.high;
        return coefficient(part, lh + (row - level.low) * level.low + n, level.band + 1u);
    }
    if level.is_first {
        let ll = level.start + level.high * (2 * level.low + level.high);
        return coefficient(part, ll + row * level.low + n, 9u);
    }
    return plane[row * SIDE + n];
}

fn high_in_row(part: Component, level: Level, row: i32, n: i32) -> i32 {
    if is_left_out(level, n) {
        return 0;
    }
    let at = high_index(level, n);
    if row >= level.low {
        let hh = level.start + 2 * level.low * level.high;
        return coefficient(part, hh + (row - level.low) * level.high + at, level.band + 2u);
    }
    return coefficient(part, level.start + row * level.high + at, level.band);
}

fn high_in_column(level: Level, column: i32, n: i32) -> i32 {
    if is_left_out(level, n) {
        return 0;
    }
    return plane[(level.low + high_index(level, n)) * SIDE + column];
}

// An even sample, of the low coefficient there and the high ones around.
fn even(low: i32, before: i32, after: i32) -> i32 {
    return wrap(low - ((before + after + 1) >> 1u));
}

// The pair of which the even sample is `here`, and `next` the one after the odd one.
fn pair(here: i32, next: i32, high: i32) -> vec2<i32> {
    return vec2<i32>(here, wrap(wrap(high << 1u) + ((here + next) >> 1u)));
}

fn row_pair(part: Component, level: Level, row: i32, n: i32) -> vec2<i32> {
    let high = high_in_row(part, level, row, n);
    let here = even(low_in_row(part, level, row, n), high_in_row(part, level, row, n - 1), high);
    var next = here;
    if n + 1 < level.low {
        next = even(low_in_row(part, level, row, n + 1), high, high_in_row(part, level, row, n + 1));
    }
    return pair(here, next, high);
}

fn column_pair(level: Level, column: i32, n: i32) -> vec2<i32> {
    let high = high_in_column(level, column, n);
    let here = even(plane[n * SIDE + column], high_in_column(level, column, n - 1), high);
    var next = here;
    if n + 1 < level.low {
        let low = plane[(n + 1) * SIDE + column];
        next = even(low, high, high_in_column(level, column, n + 1));
    }
    return pair(here, next, high);
}

fn level_of(number: i32, extrapolates: bool) -> Level {
    switch number {
        case 3: {
            return Level(select(8, 9, extrapolates), 8, select(3840, 3807, extrapolates), 6u, true);
        }
        case 2: {
            return Level(select(16, 17, extrapolates), 16, select(3072, 3007, extrapolates), 3u, false);
        }
        default: {
            return Level(select(32, 33, extrapolates), select(32, 31, extrapolates), 0, 0u, false);
        }
    }
}

// Samples of a component: thread `thread` gets the pairs of rows 2n and 2n + 1 at column x for
// each k, where 64n + x = thread + 256k.
fn transform(part: Component, thread: i32) -> array<vec2<i32>, PAIRS> {
    var kept: array<vec2<i32>, PAIRS>;
    let extrapolates = tiles[part.tile].extrapolates == 1u;
    for (var number = 3; number > 0; number--) {
        let level = level_of(number, extrapolates);
        // Of the 65 samples of the last level one is dropped.
        let size = min(level.low + level.high, SIDE);
        let pairs = (size + 1) / 2;
        for (var k = 0; k < PAIRS; k++) {
            let item = thread + k * THREADS;
            if item < (level.low + level.high) * pairs {
                kept[k] = row_pair(part, level, item / pairs, item % pairs);
            }
        }
        workgroupBarrier();
        for (var k = 0; k < PAIRS; k++) {
            let item = thread + k * THREADS;
            if item < (level.low + level.high) * pairs {
                let at = item / pairs * SIDE + item % pairs * 2;
                plane[at] = kept[k].x;
                if item % pairs * 2 + 1 < size {
                    plane[at + 1] = kept[k].y;
                }
            }
        }
        workgroupBarrier();
        for (var k = 0; k < PAIRS; k++) {
            let item = thread + k * THREADS;
            if item < size * pairs {
                kept[k] = column_pair(level, item % size, item / size);
            }
        }
        workgroupBarrier();
        if number > 1 {
            for (var k = 0; k < PAIRS; k++) {
                let item = thread + k * THREADS;
                if item < size * pairs {
                    let at = item / size * 2 * SIDE + item % size;
                    plane[at] = kept[k].x;
                    if item / size * 2 + 1 < size {
                        plane[at + SIDE] = kept[k].y;
                    }
                }
            }
        }
        workgroupBarrier();
    }
    return kept;
}

// Sums stay at the ends of 16 bits.
fn saturate16(value: i32) -> i32 {
    return clamp(value, -32768, 32767);
}

// A sample times a factor of 2^15, to the nearest.
fn product(sample: i32, factor: i32) -> i32 {
    return (((sample * factor) >> 14u) + 1) >> 1u;
}

fn color(y: i32, cb: i32, cr: i32) -> u32 {
    // 128, and a half, with five fractional bits.
    let luma = saturate16(y + 4112);
    let blue = saturate16(luma + saturate16(cb + product(cb, CB_TO_BLUE)));
    let green = saturate16(
        saturate16(luma - product(cb, CB_TO_GREEN)) - product(cr, CR_TO_GREEN)
    );
    let red = saturate16(luma + saturate16(cr + product(cr, CR_TO_RED)));
    let bgr = clamp(
        vec3<i32>(blue, green, red) >> vec3<u32>(5u), vec3<i32>(0), vec3<i32>(255)
    );
    return u32(bgr.x) | (u32(bgr.y) << 8u) | (u32(bgr.z) << 16u) | 0xff000000u;
}

@compute @workgroup_size(256)
fn compute(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let thread = i32(index);
    let luma = transform(Component(group.x, 0u), thread);
    let cb = transform(Component(group.x, 1u), thread);
    let cr = transform(Component(group.x, 2u), thread);
    let place = tiles[group.x].place;
    let pitch = tiles[group.x].pitch;
    for (var k = 0; k < PAIRS; k++) {
        let item = thread + k * THREADS;
        let at = place + u32(item / SIDE) * 2u * pitch + u32(item % SIDE);
        pixels[at] = color(luma[k].x, cb[k].x, cr[k].x);
        pixels[at + pitch] = color(luma[k].y, cb[k].y, cr[k].y);
    }
}
