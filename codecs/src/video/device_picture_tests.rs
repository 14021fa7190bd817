use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::video::ColorDescription;
use crate::yuv::Yuv420Picture;

const SIZE: Size = Size::new(32, 16);

/// Wants and does what it is told, and counts.
#[derive(Default)]
struct Importer {
    refuses: Mutex<Option<&'static str>>,
    is_unwanted: Mutex<bool>,
    asked: AtomicUsize,
    failures: Mutex<Vec<(DecoderKind, ImportError)>>,
}

impl PictureImporter for Importer {
    fn wants(&self, _: DecoderKind) -> bool {
        !*self.is_unwanted.lock().unwrap()
    }

    fn import(&self, _: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        // Not locked any more when it panics.
        let refuses = *self.refuses.lock().unwrap();
        match refuses {
            None => Ok(Arc::new(())),
            Some("panic") => std::panic::resume_unwind(Box::new("injected")),
            Some(reason) => Err(ImportError::new(reason)),
        }
    }

    fn note_failure(&self, kind: DecoderKind, reason: &ImportError) {
        self.failures.lock().unwrap().push((kind, reason.clone()));
    }
}

fn device() -> Arc<CudaDevice> {
    Arc::new(CudaDevice {
        context: 0,
        stream: 0,
        _keeps: super::super::ffmpeg_hardware::DeviceReference::none(),
    })
}

/// Lends a picture that lies nowhere.
fn lend(import: &mut Import<'_>) -> Result<DevicePicture, ImportError> {
    let plane = CudaPlane {
        address: 0,
        stride_bytes: 0,
    };
    import(&HardwarePicture::Cuda(CudaPicture {
        size: SIZE,
        luma: plane,
        chroma: plane,
        device: &device(),
    }))
}

fn share(sharing: &mut Sharing, luma: u8) -> Option<YuvFrame> {
    let color = ColorDescription::default();
    sharing.share(SIZE, color, lend, move || Ok(copied(luma)))
}

fn copied(luma: u8) -> YuvFrame {
    let desktop = crate::Picture::filled(SIZE, [luma, luma, luma, 255]);
    let mut picture = Yuv420Picture::new(SIZE);
    crate::yuv::bgra_to_yuv420(&desktop, &SIZE.to_rect(), &mut picture);
    YuvFrame::from_picture(picture, ColorDescription::default())
}

fn sharing() -> (Arc<Importer>, Sharing) {
    let importer = Arc::<Importer>::default();
    let sharing = Sharing::new(importer.clone(), DecoderKind::Nvdec);
    (importer, sharing)
}

#[test]
fn a_picture_on_the_device_is_copied_when_its_samples_are_asked_for() {
    let (_, mut sharing) = sharing();
    let frame = share(&mut sharing, 90).unwrap();
    assert!(frame.device_picture().is_some());
    assert_eq!(frame.size(), SIZE);
    let memory = frame.in_memory().unwrap();
    assert!(memory.device_picture().is_none());
    assert_eq!(memory.luma().row(3), copied(90).luma().row(3));
    assert_eq!(frame.planes().cb().row(0), copied(90).cb().row(0));
}

#[test]
fn no_more_than_a_few_pictures_are_lent_at_a_time() {
    let (_, mut sharing) = sharing();
    let mut kept: Vec<_> = (0..MAX_LENT)
        .map(|_| share(&mut sharing, 1).unwrap())
        .collect();
    assert!(share(&mut sharing, 1).is_none(), "none is left to lend");
    kept.pop();
    assert!(share(&mut sharing, 1).is_some(), "one came back");
}

#[test]
fn after_a_refusal_pictures_are_copied_and_nobody_is_asked_again() {
    for reason in ["no such format", "panic"] {
        let (importer, mut sharing) = sharing();
        assert!(share(&mut sharing, 1).is_some());
        *importer.refuses.lock().unwrap() = Some(reason);
        assert!(share(&mut sharing, 1).is_none());
        *importer.refuses.lock().unwrap() = None;
        assert!(share(&mut sharing, 1).is_none());
        assert_eq!(importer.asked.load(Ordering::Relaxed), 2);
        let failures = importer.failures.lock().unwrap();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].0, DecoderKind::Nvdec);
    }
}

#[test]
fn whoever_wants_no_pictures_for_a_while_is_asked_again() {
    let (importer, mut sharing) = sharing();
    *importer.is_unwanted.lock().unwrap() = true;
    assert!(share(&mut sharing, 1).is_none());
    *importer.is_unwanted.lock().unwrap() = false;
    assert!(share(&mut sharing, 1).is_some());
    assert!(importer.failures.lock().unwrap().is_empty());
}

#[test]
fn a_picture_that_does_not_come_out_of_the_device_is_an_error_and_black() {
    let (_, mut sharing) = sharing();
    let color = ColorDescription::default();
    let lost = sharing
        .share(SIZE, color, lend, || Err(VideoError::NoPicture))
        .unwrap();
    assert!(matches!(lost.in_memory(), Err(VideoError::Copy(_))));
    assert_eq!(
        lost.luma().row(0),
        Yuv420Picture::new(SIZE).coded_planes().luma().row(0)
    );
    let other = Size::new(64, 64);
    let wrong = sharing.share(other, color, lend, || Ok(copied(1))).unwrap();
    assert!(
        matches!(wrong.in_memory(), Err(VideoError::Copy(_))),
        "another size"
    );
}
