//! Pictures that another device wrote into this one's memory, on whatever Vulkan there is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use oriel_codecs::{
    Picture,
    video::{
        AvcVersion, ColorDescription, DecodedAvc, DecoderLimits, EncoderSettings, H264Encoder,
        HardwarePicture, ImportError, OpenH264Decoder, PictureImporter, ProbeError, VideoDecoder,
        VideoError, VulkanDevice, VulkanImageState, VulkanPicture, VulkanUploads, YuvFrame,
        probe_decoder,
    },
    yuv::{
        MainChroma, Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420, bgra_to_yuv444,
        chroma_size,
    },
};
use oriel_protocol::graphics::SurfaceId;

use super::*;
use crate::{
    compositor::{
        Compositor, CpuCompositor, MemoryKind,
        gpu::{
            GpuCompositor,
            passes::{CHROMA_FORMAT, PLANE_FORMAT},
            proof::prove,
            window,
        },
    },
    error::CompositorError,
};

const SURFACE: SurfaceId = SurfaceId(7);
const SIZE: Size = Size::new(208, 144);

/// How planes get to the device that draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Memory that it exported, written by another device.
    Exported,
    /// Textures of its own that are treated as others'.
    Textures,
}

/// A device that draws, and FFmpeg on the same device.
struct Together {
    compositor: GpuCompositor,
    decoder: VulkanUploads,
}

impl Together {
    /// `None` where there is no Vulkan with pictures of two planes, or an FFmpeg that stays by itself.
    fn open() -> Option<Self> {
        let gpu = GpuDevice::open_for_decoders(window::instance(None), None, true, false)
            .inspect_err(|reason| println!("skipped: {reason}"))
            .ok()?;
        if gpu.shared.is_none() {
            println!("skipped: decoders cannot use {}", gpu.name());
            return None;
        }
        let importer = GpuImporter::new(&gpu).unwrap();
        let decoder = match VulkanUploads::new(Arc::new(importer), SIZE) {
            Ok(decoder) => decoder,
            Err(reason) if VulkanDevice::is_of_use() => panic!("{reason}"),
            Err(reason) => {
                println!("skipped: {reason}");
                return None;
            }
        };
        let mut compositor = GpuCompositor::with_device(gpu, None).unwrap();
        compositor.reset(SIZE).unwrap();
        compositor.create_surface(SURFACE, SIZE).unwrap();
        Some(Self {
            compositor,
            decoder,
        })
    }

    fn shared(&mut self, views: &DecodedAvc) -> DecodedAvc {
        let mut shared = |view: &Option<YuvFrame>| {
            let view = view.as_ref();
            view.map(|view| self.decoder.upload(view).unwrap())
        };
        DecodedAvc {
            luma_view: shared(&views.luma_view),
            chroma_view: shared(&views.chroma_view),
            ..views.clone()
        }
    }

    fn draw(&mut self, views: &DecodedAvc) -> Picture {
        self.compositor.create_surface(SURFACE, SIZE).unwrap();
        self.compositor.draw_avc(SURFACE, views).unwrap();
        self.compositor.read_surface(SURFACE).unwrap()
    }
}

/// What a decoder's image is in now, and the value that its semaphore has reached.
fn state_of(gpu: &GpuDevice, frame: &YuvFrame) -> (VulkanImageState, u64) {
    let picture = ImportedPicture::of(frame, gpu).unwrap();
    let ImportedPlanes::Image { image, .. } = &picture.planes else {
        panic!("{picture:?}");
    };
    let mut seen = None;
    image.visit(&mut |state| seen = Some(*state));
    let state = seen.unwrap();
    (state, vulkan_video::reached(&gpu.device, &state))
}

/// A device that draws, and another one in the decoder's place.
struct Pair {
    compositor: GpuCompositor,
    writer: GpuDevice,
}

fn open() -> Option<GpuDevice> {
    GpuDevice::open(window::instance(None), None, true)
        .inspect_err(|reason| println!("skipped: {reason}"))
        .ok()
}

impl Pair {
    /// `None` where there is no Vulkan that shares memory.
    fn open() -> Option<Self> {
        let mut compositor = GpuCompositor::open(None, true)
            .inspect_err(|reason| println!("skipped: {reason}"))
            .ok()?;
        let shares = wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD;
        if !compositor.gpu.device.features().contains(shares) {
            println!("skipped: {} shares no memory", compositor.gpu.name());
            return None;
        }
        compositor.reset(SIZE).unwrap();
        compositor.create_surface(SURFACE, SIZE).unwrap();
        let writer = open()?;
        Some(Self { compositor, writer })
    }

    /// The same picture in the memory of the device that draws, which must not ask for a copy.
    fn shared(&self, frame: &YuvFrame, way: Way) -> YuvFrame {
        on_device(&self.compositor.gpu, &self.writer, frame, way, || {
            Err(VideoError::NoPicture)
        })
    }

    fn draw(&mut self, views: &DecodedAvc) -> Picture {
        self.compositor.create_surface(SURFACE, SIZE).unwrap();
        self.compositor.draw_avc(SURFACE, views).unwrap();
        self.compositor.read_surface(SURFACE).unwrap()
    }
}

fn on_device(
    reader: &GpuDevice,
    writer: &GpuDevice,
    frame: &YuvFrame,
    way: Way,
    copy: impl Fn() -> Result<YuvFrame, VideoError> + Send + Sync + 'static,
) -> YuvFrame {
    let size = frame.size();
    let layout = PlaneLayout::of(size);
    let rows = interleaved(frame, layout);
    let planes = match way {
        Way::Exported => {
            let (exported, handle) = vulkan_memory::export_buffer(&reader.device, layout).unwrap();
            let imported = vulkan_memory::import_buffer(&writer.device, layout, handle).unwrap();
            assert!(exported.memory_bytes >= layout.bytes);
            writer.queue.write_buffer(&imported.buffer, 0, &rows);
            finish(writer);
            ImportedPlanes::Buffer {
                buffer: exported.buffer,
                layout,
            }
        }
        Way::Textures => {
            let half = chroma_size(size);
            let texture = |size, format, from: u64| {
                let texture = reader
                    .texture(MemoryKind::Planes, "a test's", size, format)
                    .unwrap();
                reader.queue.write_texture(
                    texture.at(0, 0),
                    &rows[from as usize..],
                    wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(layout.stride_bytes),
                        rows_per_image: None,
                    },
                    extent(size),
                );
                texture.texture.clone()
            };
            ImportedPlanes::Textures {
                luma: texture(size, PLANE_FORMAT, 0),
                chroma: texture(half, CHROMA_FORMAT, layout.chroma_at),
            }
        }
    };
    let picture = ImportedPicture {
        size,
        planes,
        device: reader.serial,
        _lease: None,
    };
    YuvFrame::on_device(size, frame.color(), Arc::new(picture), copy)
}

fn finish(gpu: &GpuDevice) {
    gpu.queue.submit([]);
    gpu.device
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
}

/// Luma and interleaved chroma as the layout says.
fn interleaved(frame: &YuvFrame, layout: PlaneLayout) -> Vec<u8> {
    let frame = frame.to_semi_planar();
    let mut bytes = vec![0; layout.bytes as usize];
    let stride = layout.stride_bytes as usize;
    let (luma, chroma) = bytes.split_at_mut(layout.chroma_at as usize);
    for (y, row) in (0..).zip(luma.chunks_exact_mut(stride)) {
        let from = frame.luma().row(y).unwrap();
        row[..from.len()].copy_from_slice(from);
    }
    let pairs = frame.interleaved_chroma().unwrap();
    for (y, row) in (0..).zip(chroma.chunks_exact_mut(stride)) {
        let from = pairs.row(y).unwrap();
        row[..from.len()].copy_from_slice(from);
    }
    bytes
}

/// A desktop that shows where every pixel belongs.
fn desktop(shift: u32) -> Picture {
    let mut picture = Picture::new(SIZE);
    for (y, row) in (0..).zip(picture.data_mut().chunks_exact_mut(SIZE.width as usize * 4)) {
        for (x, pixel) in (0u32..).zip(row.as_chunks_mut::<4>().0) {
            let hue = (x / 8 * 37 + y / 8 * 71 + shift * 101) as u8;
            *pixel = [hue, (x + shift) as u8, hue.wrapping_mul(3) ^ y as u8, 255];
        }
    }
    picture
}

/// A picture through an encoder and a decoder.
fn decoded(picture: &Yuv420Picture) -> YuvFrame {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    let mut unit = Vec::new();
    encoder.encode(picture, &mut unit).unwrap();
    let mut decoder = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    decoder.decode(&unit).unwrap().unwrap()
}

fn avc420(shift: u32, regions: Vec<Rect>) -> DecodedAvc {
    let mut picture = Yuv420Picture::new(SIZE);
    bgra_to_yuv420(&desktop(shift), &SIZE.to_rect(), &mut picture);
    DecodedAvc {
        version: AvcVersion::Avc420,
        luma_view: Some(decoded(&picture)),
        chroma_view: None,
        luma_regions: regions,
        chroma_regions: Vec::new(),
        main_chroma: MainChroma::Averaged,
    }
}

fn avc444(version: AvcVersion, regions: Vec<Rect>) -> DecodedAvc {
    let whole = SIZE.to_rect();
    let mut samples = Yuv444Picture::new(SIZE);
    bgra_to_yuv444(&desktop(3), &whole, &mut samples);
    let (mut main, mut auxiliary) = (Yuv420Picture::new(SIZE), Yuv420Picture::new(SIZE));
    match version {
        AvcVersion::Avc444V2 => avc444::split_v2(&samples, &whole, &mut main, &mut auxiliary),
        _ => avc444::split_v1(&samples, &whole, &mut main, &mut auxiliary),
    }
    DecodedAvc {
        version,
        luma_view: Some(decoded(&main)),
        chroma_view: Some(decoded(&auxiliary)),
        luma_regions: regions.clone(),
        chroma_regions: regions,
        main_chroma: MainChroma::Averaged,
    }
}

fn regions() -> Vec<Rect> {
    vec![
        Rect::new(0, 0, 64, 48),
        Rect::new(71, 33, 150, 99),
        Rect::new(190, 130, 208, 144),
    ]
}

fn all() -> Vec<DecodedAvc> {
    let whole = vec![SIZE.to_rect()];
    vec![
        avc420(0, whole.clone()),
        avc420(5, regions()),
        avc444(AvcVersion::Avc444, whole.clone()),
        avc444(AvcVersion::Avc444V2, whole),
        avc444(AvcVersion::Avc444V2, regions()),
    ]
}

/// Farthest apart of two pictures' samples.
fn distance(a: &Picture, b: &Picture) -> u8 {
    assert_eq!(a.size(), b.size());
    let samples = a.data().iter().zip(b.data());
    samples.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn planes_lie_in_rows_that_the_device_can_copy_from() {
    let layout = PlaneLayout::of(Size::new(1921, 3));
    assert_eq!(layout.stride_bytes, 2048);
    assert_eq!((layout.chroma_at, layout.bytes), (3 * 2048, 5 * 2048));
    assert_eq!(PlaneLayout::of(Size::new(255, 2)).stride_bytes, 256);
}

#[test]
fn pictures_that_another_device_wrote_are_drawn_as_those_that_are_uploaded() {
    let Some(mut pair) = Pair::open() else { return };
    for (views, index) in all().into_iter().zip(0..) {
        let uploaded = pair.draw(&views);
        for way in [Way::Exported, Way::Textures] {
            let shared = |view: &Option<YuvFrame>| view.as_ref().map(|v| pair.shared(v, way));
            let there = DecodedAvc {
                luma_view: shared(&views.luma_view),
                chroma_view: shared(&views.chroma_view),
                ..views.clone()
            };
            let drawn = pair.draw(&there);
            assert!(distance(&drawn, &uploaded) <= 1, "picture {index}, {way:?}");
            // Twice from the same memory: it was given back in order.
            assert_eq!(pair.draw(&there), drawn, "picture {index}, {way:?}");
        }
    }
}

#[test]
fn pictures_of_a_decoder_on_the_same_device_are_drawn_as_those_that_are_uploaded() {
    let Some(mut together) = Together::open() else {
        return;
    };
    for round in 0..3 {
        for (views, index) in all().into_iter().zip(0..) {
            let uploaded = together.draw(&views);
            let there = together.shared(&views);
            for view in [&there.luma_view, &there.chroma_view].into_iter().flatten() {
                assert!(ImportedPicture::of(view, &together.compositor.gpu).is_some());
            }
            let drawn = together.draw(&there);
            assert!(distance(&drawn, &uploaded) <= 1, "picture {index}, {round}");
            assert_eq!(together.draw(&there), drawn, "picture {index}, {round}");
        }
    }
}

#[test]
fn a_decoder_is_told_when_its_image_may_be_written_again() {
    let Some(mut together) = Together::open() else {
        return;
    };
    let views = avc420(3, vec![SIZE.to_rect()]);
    let there = together.shared(&views);
    let frame = there.luma_view.as_ref().unwrap();
    let (before, _) = state_of(&together.compositor.gpu, frame);
    for times in 1..4 {
        together.draw(&there);
        let (state, reached) = state_of(&together.compositor.gpu, frame);
        assert_eq!(state.semaphore_value, before.semaphore_value + times);
        assert_eq!(reached, state.semaphore_value);
        assert_eq!(state.layout, vulkan_video::READ_IN.as_raw());
    }
    // FFmpeg goes on from there: it copies the image, and waits for what was told.
    let copy = frame.in_memory().unwrap();
    let original = views.luma_view.as_ref().unwrap();
    assert_eq!(copy.planes().luma().row(1), original.planes().luma().row(1));
    assert_eq!(copy.planes().cb().row(1), original.planes().cb().row(1));
    assert_eq!(copy.planes().cr().row(71), original.planes().cr().row(71));
    // And from where it left the image, this side goes on.
    let uploaded = together.draw(&views);
    assert!(distance(&together.draw(&there), &uploaded) <= 1);
}

#[test]
fn a_decoder_goes_on_while_its_pictures_are_drawn() {
    let Some(Together {
        mut compositor,
        mut decoder,
    }) = Together::open()
    else {
        return;
    };
    let kinds: Vec<_> = (0..4)
        .map(|shift| avc420(shift, vec![SIZE.to_rect()]))
        .collect();
    let mut draw = |views: &DecodedAvc| {
        compositor.create_surface(SURFACE, SIZE).unwrap();
        compositor.draw_avc(SURFACE, views).unwrap();
        compositor.read_surface(SURFACE).unwrap()
    };
    let expected: Vec<_> = kinds.iter().map(&mut draw).collect();
    let (give, taken) = crossbeam_channel::bounded(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for views in kinds.iter().cycle().take(40) {
                let frame = views.luma_view.as_ref().unwrap();
                give.send(decoder.upload(frame).unwrap()).unwrap();
            }
            drop(give);
        });
        for (frame, at) in taken.into_iter().zip((0..kinds.len()).cycle()) {
            let there = DecodedAvc {
                luma_view: Some(frame),
                ..kinds[at].clone()
            };
            assert!(distance(&draw(&there), &expected[at]) <= 1);
        }
    });
}

#[test]
fn pictures_of_a_decoder_on_another_device_are_refused() {
    let (Some(mut here), Some(there)) = (Together::open(), Together::open()) else {
        return;
    };
    let views = avc420(3, regions());
    let frame = here.shared(&views).luma_view.unwrap();
    let picture = ImportedPicture::of(&frame, &here.compositor.gpu).unwrap();
    let ImportedPlanes::Image { image, .. } = &picture.planes else {
        panic!("{picture:?}");
    };
    let gpu = &there.compositor.gpu;
    let lent = VulkanPicture {
        size: SIZE,
        image_size: SIZE,
        device: here
            .compositor
            .gpu
            .shared
            .as_ref()
            .unwrap()
            .handles()
            .device,
        image,
    };
    let importer = GpuImporter::new(gpu).unwrap();
    assert!(importer.import(&HardwarePicture::Vulkan(lent)).is_err());
    let other = VulkanPicture {
        image_size: Size::new(SIZE.width - 2, SIZE.height),
        ..lent
    };
    let importer = GpuImporter::new(&here.compositor.gpu).unwrap();
    assert!(importer.import(&HardwarePicture::Vulkan(other)).is_err());
    assert!(importer.import(&HardwarePicture::Vulkan(lent)).is_ok());
}

#[test]
fn regions_outside_of_a_view_draw_nothing_of_it() {
    let Some(mut pair) = Pair::open() else { return };
    let views = avc420(1, vec![Rect::new(16, 16, 32, 32)]);
    let there = DecodedAvc {
        luma_view: views
            .luma_view
            .as_ref()
            .map(|v| pair.shared(v, Way::Exported)),
        ..views
    };
    let drawn = pair.draw(&there);
    let lit = drawn.data().as_chunks::<4>().0.iter();
    assert_eq!(lit.filter(|p| p[..3] != [0, 0, 0]).count(), 16 * 16);
}

#[test]
fn the_decoder_gets_a_picture_back_once_the_device_has_read_it() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let Some(mut pair) = Pair::open() else { return };
    let dropped = Arc::<AtomicUsize>::default();
    let counted = Counted(dropped.clone());
    let views = avc420(2, regions());
    let frame = views.luma_view.as_ref().unwrap();
    let (reader, writer) = (&pair.compositor.gpu, &pair.writer);
    let shared = on_device(reader, writer, frame, Way::Exported, move || {
        let _held = &counted;
        Err(VideoError::NoPicture)
    });
    let there = DecodedAvc {
        luma_view: Some(shared),
        ..views.clone()
    };
    pair.compositor.draw_avc(SURFACE, &there).unwrap();
    drop(there);
    assert_eq!(dropped.load(Ordering::Relaxed), 0, "not read yet");
    pair.compositor.compose(&[], &[]).unwrap();
    finish(&pair.compositor.gpu);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_picture_on_another_device_goes_through_memory_on_both_compositors() {
    let Some(mut pair) = Pair::open() else { return };
    for views in [
        avc420(4, regions()),
        avc444(AvcVersion::Avc444V2, regions()),
    ] {
        let uploaded = pair.draw(&views);
        let elsewhere = |view: &Option<YuvFrame>| {
            view.as_ref().map(|view| {
                let copy = view.clone();
                let copy = move || Ok(copy.clone());
                on_device(&pair.writer, &pair.writer, view, Way::Textures, copy)
            })
        };
        let there = DecodedAvc {
            luma_view: elsewhere(&views.luma_view),
            chroma_view: elsewhere(&views.chroma_view),
            ..views.clone()
        };
        assert_eq!(pair.draw(&there), uploaded);
        let mut cpu = CpuCompositor::new(None);
        let mut drawn = Vec::new();
        for views in [&views, &there] {
            cpu.reset(SIZE).unwrap();
            cpu.create_surface(SURFACE, SIZE).unwrap();
            cpu.draw_avc(SURFACE, views).unwrap();
            drawn.push(cpu.read_surface(SURFACE).unwrap());
        }
        assert_eq!(drawn[0], drawn[1]);
    }
}

#[test]
fn a_picture_that_nobody_can_read_is_an_error_on_both_compositors() {
    let Some(mut pair) = Pair::open() else { return };
    let views = avc420(6, regions());
    let frame = views.luma_view.as_ref().unwrap();
    let lost = on_device(&pair.writer, &pair.writer, frame, Way::Textures, || {
        Err(VideoError::NoPicture)
    });
    let there = DecodedAvc {
        luma_view: Some(lost),
        ..views.clone()
    };
    let on_gpu = pair.compositor.draw_avc(SURFACE, &there);
    assert!(matches!(on_gpu, Err(CompositorError::System(_))));
    let mut cpu = CpuCompositor::new(None);
    cpu.reset(SIZE).unwrap();
    cpu.create_surface(SURFACE, SIZE).unwrap();
    let on_cpu = cpu.draw_avc(SURFACE, &there);
    assert!(matches!(on_cpu, Err(CompositorError::System(_))));
}

#[test]
fn a_file_that_is_no_dma_buf_is_refused() {
    use oriel_codecs::video::DmaBufPlane;
    use std::os::fd::AsFd;
    let Some(gpu) = open() else { return };
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let plane = DmaBufPlane {
        buffer: file.as_fd(),
        offset_bytes: 0,
        stride_bytes: 256,
        modifier: 0,
    };
    let import = |plane| vulkan_memory::import_dma_buf(&gpu.device, &plane, SIZE, PLANE_FORMAT);
    assert!(import(plane).is_err());
    let beyond = DmaBufPlane {
        offset_bytes: u64::MAX - 5,
        ..plane
    };
    let ImportError(_) = import(beyond).unwrap_err();
}

/// Software in hardware's place: decodes, and leaves what `change` makes of its pictures on the
/// device that draws.
struct Leaving<F> {
    inner: OpenH264Decoder,
    reader: Arc<GpuDevice>,
    writer: GpuDevice,
    change: F,
}

impl<F: FnMut(YuvFrame) -> YuvFrame + Send> VideoDecoder for Leaving<F> {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let Some(frame) = self.inner.decode(annex_b)? else {
            return Ok(None);
        };
        let right = frame.clone();
        let left = (self.change)(frame);
        // Its copies in memory are right, whatever lies on the device.
        let copy = move || Ok(right.clone());
        let way = Way::Exported;
        let frame = on_device(&self.reader, &self.writer, &left, way, copy);
        Ok(Some(frame))
    }

    fn name(&self) -> &'static str {
        "leaving"
    }
}

fn proven(
    change: impl FnMut(YuvFrame) -> YuvFrame + Send + 'static,
) -> Option<Result<(), ProbeError>> {
    let reader = Arc::new(open()?);
    let shares = wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD;
    if !reader.device.features().contains(shares) {
        return None;
    }
    let decoder = Leaving {
        inner: OpenH264Decoder::new(DecoderLimits::default()).unwrap(),
        reader: reader.clone(),
        writer: open()?,
        change,
    };
    Some(prove(&reader, Box::new(decoder)))
}

#[test]
fn known_pictures_prove_the_way_that_they_came() {
    if let Some(proof) = proven(|frame| frame) {
        proof.unwrap();
    }
}

#[test]
fn pictures_that_are_wrong_on_the_device_alone_are_found_out() {
    let black = |frame: YuvFrame| {
        let picture = Yuv420Picture::new(frame.size());
        YuvFrame::from_picture(picture, ColorDescription::default())
    };
    let mut first = None;
    let late = move |frame: YuvFrame| match &first {
        Some(first) if YuvFrame::size(first) == frame.size() => first.clone(),
        _ => first.insert(frame).clone(),
    };
    for proof in [proven(black), proven(late)].into_iter().flatten() {
        let error = proof.unwrap_err();
        assert!(matches!(error, ProbeError::Picture { .. }), "{error}");
    }
}

#[test]
fn a_picture_that_came_through_memory_proves_nothing() {
    let Some(gpu) = open() else { return };
    let mut decoder = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    probe_decoder(&mut decoder).unwrap();
    let error = prove(&gpu, Box::new(decoder)).unwrap_err();
    assert!(
        matches!(&error, ProbeError::Decoder(VideoError::Copy(_))),
        "{error}"
    );
}
