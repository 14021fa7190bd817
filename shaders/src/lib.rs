//! The passes of the GPU compositor, in WGSL, and the Rust mirrors of what they read.
//!
//! One file a pass under `wgsl/`, put together with the parts it names and validated by naga when
//! this crate is built. Knows nothing of wgpu: the pipelines are `oriel-render`'s. Numbers that
//! the CPU uses as well (the colour conversion, the scaling kernel) are overrides, whose values
//! the pipelines take from where they are defined.
//!
//! ```text
//!  planes ──yuv420──────────────────────────────▶ surface ──scale──▶ output ──scale──▶ window
//!    │                                              ▲ fill, alpha                        ▲
//!    └──avc444_luma──▶ 4:4:4 ──yuv444───────────────┘                          overlay ──┘
//!    └──avc444_chroma_v1, _v2 ▲
//!
//!  coefficients ──tiles──▶ pixels in a buffer, to be copied
//! ```
//!
//! ```
//! let module = oriel_shaders::SCALE;
//! assert!(module.source.contains("fn fragment"));
//! ```

#![forbid(unsafe_code)]

use bytemuck::{Pod, Zeroable};

/// A pass: a vertex stage that draws one rectangle an instance, and one or two fragment stages.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// For labels.
    pub name: &'static str,
    /// WGSL, valid.
    pub source: &'static str,
    /// Entry point of the vertex stage, which takes [`RectInstance`]s, or [`FillInstance`]s.
    pub vertex: &'static str,
    /// How many textures it reads, at bindings 1 and up.
    pub textures: u32,
    /// It reads a second uniform, [`ScaleUniform`], after the textures.
    pub has_scale: bool,
}

macro_rules! module {
    ($name:literal, $vertex:literal, $textures:literal) => {
        module!($name, $vertex, $textures, false)
    };
    ($name:literal, $vertex:literal, $textures:literal, $has_scale:literal) => {
        Module {
            name: $name,
            source: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".wgsl")),
            vertex: $vertex,
            textures: $textures,
            has_scale: $has_scale,
        }
    };
}

/// One colour into rectangles.
pub const FILL: Module = module!("fill", "vertex_colored", 0);
/// Planes of 4:2:0 (luma, Cb, Cr) to a surface.
pub const YUV420: Module = module!("yuv420", "vertex", 3);
/// A texture of 4:4:4 to a surface.
pub const YUV444: Module = module!("yuv444", "vertex", 1);
/// A main view (luma, Cb, Cr) to a texture of 4:4:4; its second fragment stage,
/// [`FRAGMENT_CHROMA`], keeps the chroma.
pub const AVC444_LUMA: Module = module!("avc444_luma", "vertex", 3);
/// An auxiliary view of version 1 (luma, Cb, Cr) and the main view's chroma to 4:4:4.
pub const AVC444_CHROMA_V1: Module = module!("avc444_chroma_v1", "vertex", 4);
/// An auxiliary view of version 2 (luma, Cb, Cr) and the main view's chroma to 4:4:4.
pub const AVC444_CHROMA_V2: Module = module!("avc444_chroma_v2", "vertex", 4);
/// Interleaved chroma to a plane of Cb; its second fragment stage, [`FRAGMENT_CR`], to one of Cr.
pub const SPLIT_CHROMA: Module = module!("split_chroma", "vertex", 1);
/// Alpha alone to a surface.
pub const ALPHA: Module = module!("alpha", "vertex", 1);
/// A picture over the window.
pub const OVERLAY: Module = module!("overlay", "vertex", 1);
/// A picture at another size.
pub const SCALE: Module = module!("scale", "vertex", 1, true);

/// All passes.
pub const MODULES: [Module; 10] = [
    FILL,
    YUV420,
    YUV444,
    AVC444_LUMA,
    AVC444_CHROMA_V1,
    AVC444_CHROMA_V2,
    SPLIT_CHROMA,
    ALPHA,
    OVERLAY,
    SCALE,
];

/// A compute pass: one workgroup for each element of its first buffer.
#[derive(Clone, Copy, Debug)]
pub struct ComputeModule {
    /// For labels.
    pub name: &'static str,
    /// WGSL, valid.
    pub source: &'static str,
    /// Entry point.
    pub entry: &'static str,
    /// Bytes that a workgroup shares.
    pub shared_bytes: u32,
}

/// Tiles of RemoteFX ([`TileInstance`]s) and their coefficients to pixels: storage buffers at
/// bindings 0 to 2.
pub const TILES: ComputeModule = ComputeModule {
    name: "tiles",
    source: include_str!(concat!(env!("OUT_DIR"), "/tiles.wgsl")),
    entry: "compute",
    shared_bytes: 4096 * 4,
};

/// Entry point of the fragment stage of every pass.
pub const FRAGMENT: &str = "fragment";
/// Entry point of the second fragment stage of [`AVC444_LUMA`].
pub const FRAGMENT_CHROMA: &str = "fragment_chroma";
/// Entry point of the second fragment stage of [`SPLIT_CHROMA`].
pub const FRAGMENT_CR: &str = "fragment_cr";

/// What every pass reads, at binding 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct PassUniform {
    /// Width and height of the target, px.
    pub target_size: [f32; 2],
    /// Where the source's first pixel lies on the target, px.
    pub origin: [i32; 2],
}

/// What [`SCALE`] reads besides, at binding 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct ScaleUniform {
    /// Width and height of the picture, px.
    pub source_size: [u32; 2],
    /// Width and height at which all of it is shown, px.
    pub shown_size: [u32; 2],
    /// 1 for the cubic kernel, 0 for the pixel that lies there.
    pub is_cubic: u32,
    /// The size is a multiple of the alignment.
    pub padding: u32,
}

/// A rectangle of the target, px: what the vertex stages take, at location 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct RectInstance {
    /// Left, top, right, bottom; half open.
    pub rect: [f32; 4],
}

/// A rectangle and its colour: what [`FILL`] takes, at locations 0 and 1.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct FillInstance {
    /// Left, top, right, bottom; half open.
    pub rect: [f32; 4],
    /// Red, green, blue, alpha, 0 to 1.
    pub color: [f32; 4],
}

/// A tile: what [`TILES`] takes, at binding 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct TileInstance {
    /// Which of the pixels is its first.
    pub place: u32,
    /// Pixels from one row to the next.
    pub pitch: u32,
    /// 1 for borders that reduce and extrapolate.
    pub extrapolates: u32,
    /// By how many bits coefficients go left: a byte for each of ten bands, lowest first, in three
    /// words for each component.
    pub shifts: [[u32; 3]; 3],
}
