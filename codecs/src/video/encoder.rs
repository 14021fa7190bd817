//! H.264 by OpenH264, for the accepting side.

use std::ffi::c_int;

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, FrameType, QpRange, RateControlMode,
    SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use thiserror::Error;

use crate::geometry::Size;
use crate::yuv::Yuv420Picture;

/// Largest quantisation parameter of H.264.
const MAX_QP: u8 = 51;
/// Largest pictures that the encoder takes, either way round.
const MAX_SIZE: (u32, u32) = (3840, 2160);

/// More than any desktop needs, and less than the encoder refuses.
const UNBOUNDED_BITS_PER_SECOND: u32 = 200_000_000;

/// Why a picture was not encoded.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The encoder takes pictures of up to 3840×2160 pixels, padding included.
    #[error("a picture of {}x{} is larger than the encoder takes", size.width, size.height)]
    TooLarge {
        /// Coded size of the picture.
        size: Size,
    },
    /// The encoder says no.
    #[error("openh264 cannot encode: {0}")]
    Backend(#[from] openh264::Error),
}

/// What the encoder aims for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateControl {
    /// The same quality always, in as many bits as it takes.
    Constant {
        /// Quantisation parameter, 0 (best) to 51.
        qp: u8,
    },
    /// A number of bits a second, at a quality that varies.
    Bitrate {
        /// The aim.
        bits_per_second: u32,
        /// Best quality that bits are spent on.
        min_qp: u8,
        /// Worst quality, kept even where the aim is missed.
        max_qp: u8,
    },
}

/// How to encode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderSettings {
    /// What to aim for.
    pub rate: RateControl,
    /// Pictures a second at most; what a second means to [`RateControl::Bitrate`].
    pub frames_per_second: f32,
    /// Threads; 0 leaves it to the encoder.
    pub threads: u16,
}

impl Default for EncoderSettings {
    /// Constant quality at which text is sharp, 30 pictures a second, one thread.
    fn default() -> Self {
        Self {
            rate: RateControl::Constant { qp: 22 },
            frames_per_second: 30.0,
            threads: 1,
        }
    }
}

/// What came out for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedKind {
    /// A key frame, parameter sets in front.
    Key,
    /// A picture that builds on earlier ones.
    Delta,
}

/// An encoder tuned for screen content. Each picture in gives one access unit out, the first is a
/// key frame, and so is the first of each new size and of each new scene.
///
/// The two views of a 4:4:4 picture are scenes to it: it has no picture of the same kind to build
/// on when they alternate. Send main views while pixels move, and an auxiliary view when they rest.
pub struct H264Encoder {
    encoder: Encoder,
    settings: EncoderSettings,
    wants_key_frame: bool,
    has_started: bool,
}

impl H264Encoder {
    /// Opens an encoder. The size is that of the pictures that are given to it.
    ///
    /// # Errors
    /// [`EncodeError::Backend`] where it cannot initialise.
    pub fn new(settings: EncoderSettings) -> Result<Self, EncodeError> {
        Ok(Self {
            encoder: open(&settings)?,
            settings,
            wants_key_frame: false,
            has_started: false,
        })
    }

    /// What the encoder aims for.
    pub fn rate(&self) -> RateControl {
        self.settings.rate
    }

    /// Changes the aim from the next picture on, which becomes a key frame unless only the number
    /// of bits a second differs.
    ///
    /// # Errors
    /// [`EncodeError::Backend`] where the encoder does not take it; the aim stays as it was.
    pub fn set_rate(&mut self, rate: RateControl) -> Result<(), EncodeError> {
        if rate == self.settings.rate {
            return Ok(());
        }
        let settings = EncoderSettings {
            rate,
            ..self.settings
        };
        match (self.settings.rate, rate) {
            (
                RateControl::Bitrate { min_qp, max_qp, .. },
                RateControl::Bitrate {
                    bits_per_second,
                    min_qp: new_min_qp,
                    max_qp: new_max_qp,
                },
            ) if self.has_started && (min_qp, max_qp) == (new_min_qp, new_max_qp) => {
                set_bitrate(&mut self.encoder, bits_per_second)?;
            }
            _ => {
                self.encoder = open(&settings)?;
                self.has_started = false;
            }
        }
        self.settings = settings;
        Ok(())
    }

    /// Makes the next picture a key frame.
    pub fn request_key_frame(&mut self) {
        self.wants_key_frame = true;
    }

    /// Encodes one picture, padding included, and appends its access unit to `out`, Annex B.
    ///
    /// # Errors
    /// Where the picture is too large or the encoder says no; `out` is then as it was.
    pub fn encode(
        &mut self,
        picture: &Yuv420Picture,
        out: &mut Vec<u8>,
    ) -> Result<EncodedKind, EncodeError> {
        let planes = picture.coded_planes();
        let size = planes.size();
        let (long, short) = (size.width.max(size.height), size.width.min(size.height));
        // 2160 rows are 135 macroblocks: padding takes no picture of that size beyond it.
        if long > MAX_SIZE.0 || short > MAX_SIZE.1 {
            return Err(EncodeError::TooLarge { size });
        }
        if std::mem::take(&mut self.wants_key_frame) && self.has_started {
            self.encoder.force_intra_frame();
        }
        let source = YUVSlices::new(
            (planes.luma().data(), planes.cb().data(), planes.cr().data()),
            (size.width as usize, size.height as usize),
            (
                planes.luma().stride_bytes(),
                planes.cb().stride_bytes(),
                planes.cr().stride_bytes(),
            ),
        );
        let encoded = self.encoder.encode(&source)?;
        self.has_started = true;
        encoded.write_vec(out);
        Ok(match encoded.frame_type() {
            FrameType::IDR => EncodedKind::Key,
            _ => EncodedKind::Delta,
        })
    }
}

impl std::fmt::Debug for H264Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H264Encoder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn open(settings: &EncoderSettings) -> Result<Encoder, openh264::Error> {
    let config = EncoderConfig::new()
        .usage_type(UsageType::ScreenContentRealTime)
        .max_frame_rate(FrameRate::from_hz(settings.frames_per_second))
        .num_threads(settings.threads)
        .sps_pps_strategy(SpsPpsStrategy::ConstantId)
        // Every picture must come out: the client waits for it.
        .skip_frames(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .vui(VuiConfig::bt709_full());
    let config = match settings.rate {
        RateControl::Constant { qp } => {
            let qp = qp.min(MAX_QP);
            config
                .rate_control_mode(RateControlMode::Quality)
                .bitrate(BitRate::from_bps(UNBOUNDED_BITS_PER_SECOND))
                .qp(QpRange::new(qp, qp))
        }
        RateControl::Bitrate {
            bits_per_second,
            min_qp,
            max_qp,
        } => {
            let max_qp = max_qp.min(MAX_QP);
            config
                .rate_control_mode(RateControlMode::Bitrate)
                .bitrate(BitRate::from_bps(bits_per_second))
                .qp(QpRange::new(min_qp.min(max_qp), max_qp))
        }
    };
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
    // Otherwise it comments on its settings on the terminal before the crate makes it quiet.
    let mut quiet: c_int = 0; // WELS_LOG_QUIET
    set_option(&mut encoder, option::TRACE_LEVEL, &mut quiet)?;
    Ok(encoder)
}

/// Options of OpenH264's `codec_app_def.h`, each with what it points to.
mod option {
    use std::ffi::c_int;

    /// `ENCODER_OPTION_BITRATE`: [`BitrateInfo`].
    pub const BITRATE: c_int = 5;
    /// `ENCODER_OPTION_MAX_BITRATE`: [`BitrateInfo`].
    pub const MAX_BITRATE: c_int = 6;
    /// `ENCODER_OPTION_TRACE_LEVEL`: an `int`.
    pub const TRACE_LEVEL: c_int = 25;

    /// `SBitrateInfo`.
    #[repr(C)]
    pub struct BitrateInfo {
        pub layer: c_int,
        pub bits_per_second: c_int,
    }

    /// `SPATIAL_LAYER_ALL`.
    pub const ALL_LAYERS: c_int = 4;
}

/// Sets an option that the crate has no safe way to. `value` is of the type that goes with it.
#[allow(unsafe_code)]
fn set_option<T>(
    encoder: &mut Encoder,
    option: c_int,
    value: &mut T,
) -> Result<(), openh264::Error> {
    // SAFETY: the encoder checks itself whether it is ready for an option, reads the value that
    // goes with it, and keeps no pointer to it. None of those set here is one that the crate
    // relies on.
    let refused = unsafe {
        encoder
            .raw_api()
            .set_option(option, std::ptr::from_mut(value).cast())
    };
    match refused {
        0 => Ok(()),
        code => Err(openh264::Error::msg(&format!(
            "option {option} is refused, code {code}"
        ))),
    }
}

/// Changes the bit rate of an encoder that has encoded, without a key frame.
fn set_bitrate(encoder: &mut Encoder, bits_per_second: u32) -> Result<(), openh264::Error> {
    let mut info = option::BitrateInfo {
        layer: option::ALL_LAYERS,
        bits_per_second: bits_per_second.try_into().unwrap_or(c_int::MAX),
    };
    // It refuses a rate above the bound and a bound below the rate: the bound goes first on the
    // way up and last on the way down, where the first try may fail.
    let _ = set_option(encoder, option::MAX_BITRATE, &mut info);
    set_option(encoder, option::BITRATE, &mut info)?;
    set_option(encoder, option::MAX_BITRATE, &mut info)
}
