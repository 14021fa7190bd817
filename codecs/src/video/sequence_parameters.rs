//! The size of the pictures of a stream, from its sequence parameter set (H.264 7.3.2.1.1).
//!
//! Read so that a stream for huge pictures is refused before a decoder allocates for it, and so that
//! a driver's pictures of another size are noticed: what is malformed here is left to the decoder to
//! complain about.

/// Profiles whose parameters go on with chroma format and scaling (7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const CHROMA_444: u32 = 3;

/// What a parameter set says about the size of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureSize {
    /// Which parameter set it is.
    pub id: u32,
    /// Width and height in whole macroblocks.
    pub coded: (u64, u64),
    /// What cropping leaves of them.
    pub cropped: (u64, u64),
}

/// The size of pictures, from the parameter set behind the header byte of its NAL unit; `None`
/// where it is malformed.
pub(super) fn picture_size(parameters: &[u8]) -> Option<PictureSize> {
    let mut bits = Bits::new(parameters);
    let profile = bits.read(8)?;
    bits.read(16)?; // constraint flags, level_idc
    let id = bits.exp_golomb()?; // seq_parameter_set_id
    if HIGH_PROFILES.contains(&profile) {
        let chroma_format = bits.exp_golomb()?;
        if chroma_format == CHROMA_444 {
            bits.read(1)?; // separate_colour_plane_flag
        }
        bits.exp_golomb()?; // bit_depth_luma_minus8
        bits.exp_golomb()?; // bit_depth_chroma_minus8
        bits.read(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.read(1)? == 1 {
            let lists = if chroma_format == CHROMA_444 { 12 } else { 8 };
            for list in 0..lists {
                if bits.read(1)? == 1 {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.exp_golomb()?; // log2_max_frame_num_minus4
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.read(1)?; // delta_pic_order_always_zero_flag
            bits.exp_golomb()?; // offset_for_non_ref_pic
            bits.exp_golomb()?; // offset_for_top_to_bottom_field
            let cycle = bits.exp_golomb()?;
            for _ in 0..cycle.min(255) {
                bits.exp_golomb()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    bits.exp_golomb()?; // max_num_ref_frames
    bits.read(1)?; // gaps_in_frame_num_value_allowed_flag
    let width = u64::from(bits.exp_golomb()?) + 1;
    let height = u64::from(bits.exp_golomb()?) + 1;
    let is_in_fields = bits.read(1)? == 0; // frame_mbs_only_flag
    if is_in_fields {
        bits.read(1)?; // mb_adaptive_frame_field_flag
    }
    let coded = (width * 16, height * if is_in_fields { 32 } else { 16 });
    bits.read(1)?; // direct_8x8_inference_flag
    let mut cropped = coded;
    if bits.read(1)? == 1 {
        let mut sides = [0; 4]; // left, right, top, bottom
        for side in &mut sides {
            *side = u64::from(bits.exp_golomb()?);
        }
        // In 4:2:0, the one format that decoders here take (7.4.2.1.1).
        let rows = if is_in_fields { 4 } else { 2 };
        cropped.0 = coded.0.saturating_sub((sides[0] + sides[1]) * 2);
        cropped.1 = coded.1.saturating_sub((sides[2] + sides[3]) * rows);
    }
    Some(PictureSize { id, coded, cropped })
}

/// H.264 7.3.2.1.1.1: a delta a coefficient, until the scale becomes 0.
fn skip_scaling_list(bits: &mut Bits<'_>, coefficients: usize) -> Option<()> {
    let mut scale = 8i64;
    for _ in 0..coefficients {
        let code = i64::from(bits.exp_golomb()?);
        let delta = if code % 2 == 1 {
            (code + 1) / 2
        } else {
            -code / 2
        };
        scale = (scale + delta).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

/// Bits from the highest down, emulation prevention bytes (7.4.1.1) left out.
struct Bits<'a> {
    rest: &'a [u8],
    zeros_before: u8,
    byte: u8,
    bits_left: u8,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            zeros_before: 0,
            byte: 0,
            bits_left: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.bits_left == 0 {
            if self.zeros_before >= 2 && self.rest.first() == Some(&3) {
                self.rest = &self.rest[1..];
                self.zeros_before = 0;
            }
            let (&byte, rest) = self.rest.split_first()?;
            self.zeros_before = if byte == 0 {
                self.zeros_before.saturating_add(1)
            } else {
                0
            };
            (self.byte, self.bits_left, self.rest) = (byte, 8, rest);
        }
        self.bits_left -= 1;
        Some(u32::from(self.byte >> self.bits_left & 1))
    }

    fn read(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// An unsigned Exp-Golomb code (9.1) of up to 32 bits. Signed ones have the same length.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let suffix = self.read(zeros)?;
        Some(((1u32 << zeros) - 1).saturating_add(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_size_of_a_baseline_stream_is_read() {
        // 640x480, from the conformance stream avc420_base.
        let parameters = [0x42, 0xC0, 0x28, 0x95, 0xA0, 0x28, 0x0F, 0x64];
        let size = picture_size(&parameters).unwrap();
        assert_eq!(
            (size.id, size.coded, size.cropped),
            (0, (640, 480), (640, 480))
        );
    }

    #[test]
    fn the_size_of_a_high_profile_stream_is_read() {
        // 1920x1080 as x264 writes it: 1088 rows, cropped.
        let parameters = [0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5];
        let size = picture_size(&parameters).unwrap();
        assert_eq!((size.coded, size.cropped), ((1920, 1088), (1920, 1080)));
    }

    #[test]
    fn a_code_of_more_than_32_bits_is_malformed() {
        assert_eq!(picture_size(&[66, 0, 30, 0, 0, 1, 0, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = picture_size(&bytes);
        }
    }
}
