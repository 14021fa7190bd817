//! Pipelines: the shaders, what they read, and how they write.

use oriel_codecs::yuv::{MainChroma, coefficients, guided::parameters};
use oriel_shaders::{FRAGMENT, FRAGMENT_CHROMA, FRAGMENT_CR, Module, PassUniform, ScaleUniform};

use super::device::GpuDevice;
use crate::compositor::filter::{
    MAX_SHRINK, MITCHELL_B, MITCHELL_C, SRGB_EXPONENT, SRGB_KNEE, SRGB_OFFSET, SRGB_SLOPE,
};

/// Format of surfaces, cache and output.
pub(crate) const SURFACE_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Bgra8Unorm;
/// Format of a surface's samples of 4:4:4: luma, Cb, Cr.
pub(crate) const SAMPLES_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Format of a view's planes.
pub(crate) const PLANE_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::R8Unorm;
/// Format of the main view's chroma, and of chroma that comes interleaved: Cb, Cr.
pub(crate) const CHROMA_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rg8Unorm;

/// A pipeline and the layout of what it reads.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) pipeline: wgpu::RenderPipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

/// Passes onto surfaces and the output.
#[derive(Debug)]
pub(crate) struct SurfacePasses {
    pub(crate) fill: Pass,
    pub(crate) yuv420: Pass,
    pub(crate) yuv444: Pass,
    /// Luma, and the chroma of each block to all of its pixels.
    pub(crate) main_view: Pass,
    /// Luma alone.
    pub(crate) main_view_luma: Pass,
    /// The chroma as it came.
    pub(crate) main_view_chroma: Pass,
    pub(crate) chroma_v1: Pass,
    pub(crate) chroma_v2: Pass,
    /// The same for main views that hold samples rather than averages.
    pub(crate) chroma_v2_sampled: Pass,
    /// Interleaved chroma to Cb, and to Cr.
    pub(crate) split_chroma: [Pass; 2],
    pub(crate) alpha: Pass,
    pub(crate) scale: Pass,
}

impl SurfacePasses {
    pub(crate) fn new(gpu: &GpuDevice) -> Self {
        use wgpu::ColorWrites as Writes;
        let onto_surface =
            |module| Pass::new(gpu, module, FRAGMENT, SURFACE_FORMAT, Writes::ALL, None);
        let samples =
            |module, writes| Pass::new(gpu, module, FRAGMENT, SAMPLES_FORMAT, writes, None);
        let chroma = |module, main_chroma| {
            let writes = Writes::GREEN | Writes::BLUE;
            Pass::with_chroma(
                gpu,
                module,
                FRAGMENT,
                SAMPLES_FORMAT,
                writes,
                None,
                main_chroma,
            )
        };
        Self {
            fill: onto_surface(&oriel_shaders::FILL),
            yuv420: onto_surface(&oriel_shaders::YUV420),
            yuv444: onto_surface(&oriel_shaders::YUV444),
            main_view: samples(&oriel_shaders::AVC444_LUMA, Writes::ALL),
            main_view_luma: samples(&oriel_shaders::AVC444_LUMA, Writes::RED),
            main_view_chroma: Pass::new(
                gpu,
                &oriel_shaders::AVC444_LUMA,
                FRAGMENT_CHROMA,
                CHROMA_FORMAT,
                Writes::ALL,
                None,
            ),
            chroma_v1: chroma(&oriel_shaders::AVC444_CHROMA_V1, MainChroma::Averaged),
            chroma_v2: chroma(&oriel_shaders::AVC444_CHROMA_V2, MainChroma::Averaged),
            chroma_v2_sampled: chroma(&oriel_shaders::AVC444_CHROMA_V2, MainChroma::Sampled),
            split_chroma: [FRAGMENT, FRAGMENT_CR].map(|fragment| {
                Pass::new(
                    gpu,
                    &oriel_shaders::SPLIT_CHROMA,
                    fragment,
                    PLANE_FORMAT,
                    Writes::RED,
                    None,
                )
            }),
            alpha: Pass::new(
                gpu,
                &oriel_shaders::ALPHA,
                FRAGMENT,
                SURFACE_FORMAT,
                Writes::ALPHA,
                None,
            ),
            scale: onto_surface(&oriel_shaders::SCALE),
        }
    }
}

/// Passes onto a window, whose format the window system picks.
#[derive(Debug)]
pub(crate) struct WindowPasses {
    pub(crate) scale: Pass,
    /// Adds premultiplied colours to what their alpha lets through.
    pub(crate) overlay: Pass,
    /// Inverts what lies below by the picture's colours.
    pub(crate) invert: Pass,
}

impl WindowPasses {
    pub(crate) fn new(gpu: &GpuDevice, format: wgpu::TextureFormat) -> Self {
        let onto_window = |module, blend| {
            Pass::new(
                gpu,
                module,
                FRAGMENT,
                format,
                wgpu::ColorWrites::COLOR,
                blend,
            )
        };
        // mask * (1 - below) + below * (1 - mask)
        let invert = wgpu::BlendComponent {
            src_factor: wgpu::BlendFactor::OneMinusDst,
            dst_factor: wgpu::BlendFactor::OneMinusSrc,
            operation: wgpu::BlendOperation::Add,
        };
        Self {
            scale: Pass::new(
                gpu,
                &oriel_shaders::SCALE,
                FRAGMENT,
                format,
                wgpu::ColorWrites::ALL,
                None,
            ),
            overlay: onto_window(
                &oriel_shaders::OVERLAY,
                Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
            ),
            invert: onto_window(
                &oriel_shaders::OVERLAY,
                Some(wgpu::BlendState {
                    color: invert,
                    alpha: invert,
                }),
            ),
        }
    }
}

/// The values of the shaders' overrides, each defined where the CPU uses it.
const CONSTANTS: [(&str, f64); 17] = [
    ("RED_FROM_CR", coefficients::RED_FROM_CR as f64),
    ("GREEN_FROM_CB", coefficients::GREEN_FROM_CB as f64),
    ("GREEN_FROM_CR", coefficients::GREEN_FROM_CR as f64),
    ("BLUE_FROM_CB", coefficients::BLUE_FROM_CB as f64),
    ("CHROMA_ZERO", coefficients::CHROMA_ZERO as f64),
    ("LUMA_NOISE", parameters::LUMA_NOISE as f64),
    ("CHROMA_NOISE", parameters::CHROMA_NOISE as f64),
    ("STEEPEST", parameters::STEEPEST as f64),
    ("LEAST_SHARE", parameters::LEAST_SHARE as f64),
    ("FULL_SHARE", parameters::FULL_SHARE as f64),
    ("MITCHELL_B", MITCHELL_B as f64),
    ("MITCHELL_C", MITCHELL_C as f64),
    ("MAX_SHRINK", MAX_SHRINK as f64),
    ("SRGB_KNEE", SRGB_KNEE as f64),
    ("SRGB_SLOPE", SRGB_SLOPE as f64),
    ("SRGB_EXPONENT", SRGB_EXPONENT as f64),
    ("SRGB_OFFSET", SRGB_OFFSET as f64),
];

impl Pass {
    fn new(
        gpu: &GpuDevice,
        module: &Module,
        fragment: &str,
        format: wgpu::TextureFormat,
        write_mask: wgpu::ColorWrites,
        blend: Option<wgpu::BlendState>,
    ) -> Self {
        let main_chroma = MainChroma::default();
        Self::with_chroma(
            gpu,
            module,
            fragment,
            format,
            write_mask,
            blend,
            main_chroma,
        )
    }

    fn with_chroma(
        gpu: &GpuDevice,
        module: &Module,
        fragment: &str,
        format: wgpu::TextureFormat,
        write_mask: wgpu::ColorWrites,
        blend: Option<wgpu::BlendState>,
        main_chroma: MainChroma,
    ) -> Self {
        let device = &gpu.device;
        let label = Some(module.name);
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(module.source.into()),
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &bindings(module),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        // A shader takes only the constants that it declares.
        let threshold = f64::from(main_chroma.threshold());
        let constants: Vec<_> = CONSTANTS
            .into_iter()
            .chain([("REVERSE_FILTER_THRESHOLD", threshold)])
            .filter(|(name, _)| module.source.contains(&format!("override {name}:")))
            .collect();
        let compilation_options = wgpu::PipelineCompilationOptions {
            constants: &constants,
            ..Default::default()
        };
        let attributes: &[_] = if is_colored(module) {
            &wgpu::vertex_attr_array![0 => Float32x4, 1 => Float32x4]
        } else {
            &wgpu::vertex_attr_array![0 => Float32x4]
        };
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some(module.vertex),
                compilation_options: compilation_options.clone(),
                buffers: &[Some(wgpu::VertexBufferLayout {
                    array_stride: attributes.iter().map(|at| at.format.size()).sum(),
                    step_mode: wgpu::VertexStepMode::Instance,
                    attributes,
                })],
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..Default::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some(fragment),
                compilation_options,
                targets: &[Some(wgpu::ColorTargetState {
                    format,
                    blend,
                    write_mask,
                })],
            }),
            multiview_mask: None,
            cache: None,
        });
        Self { pipeline, layout }
    }
}

fn is_colored(module: &Module) -> bool {
    module.vertex == oriel_shaders::FILL.vertex
}

/// The pass uniform, the textures, and where there is one, the scale uniform.
fn bindings(module: &Module) -> Vec<wgpu::BindGroupLayoutEntry> {
    let uniform = |binding, bytes: usize| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: wgpu::BufferSize::new(bytes as u64),
        },
        count: None,
    };
    let mut entries = vec![uniform(0, size_of::<PassUniform>())];
    entries.extend(
        (1..=module.textures).map(|binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: false },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            },
            count: None,
        }),
    );
    if module.has_scale {
        entries.push(uniform(module.textures + 1, size_of::<ScaleUniform>()));
    }
    entries
}
