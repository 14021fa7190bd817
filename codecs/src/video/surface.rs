//! The decoder that a surface owns: payloads of the three AVC codecs to planes and regions.

use std::borrow::Cow;
use std::sync::Arc;

use super::frame::YuvFrame;
use super::{
    DecoderEvent, DecoderKind, DecoderLimits, FallbackDecoder, PictureImporter, VideoDecoder,
    VideoError,
};
use crate::avc::{Avc420Bitmap, Avc444Bitmap};
use crate::geometry::Rect;
use crate::picture::PictureMut;
use crate::yuv::{
    ChromaUpsampling, MainChroma, MainChromaDetector, Yuv444Picture, avc444, yuv420_to_bgra,
    yuv420_to_bgra_guided, yuv444_to_bgra,
};

/// How often, on average, the regions of a view may cover a pixel.
const MAX_COVERAGE: u64 = 4;

/// Messages whose chroma is copied out of a GPU's memory until it has told something.
const FIRST_OBSERVED: u64 = 64;
/// Every how many messages it is copied afterwards: an encoder does not change its ways.
const OBSERVE_INTERVAL: u64 = 16;

/// Which of the three H.264 codecs a payload is for (`[MS-RDPEGFX] 2.2.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AvcVersion {
    /// `RDPGFX_CODECID_AVC420`.
    Avc420,
    /// `RDPGFX_CODECID_AVC444`.
    Avc444,
    /// `RDPGFX_CODECID_AVC444v2`.
    Avc444V2,
}

/// The views that came with one message. At least one is there.
///
/// A GPU compositor uploads their planes; [`draw`](Self::draw) is what a CPU compositor does, and
/// what the GPU's result is held against.
#[derive(Clone, Debug)]
pub struct DecodedAvc {
    /// How the views fit together.
    pub version: AvcVersion,
    /// The main view: a picture in its own right.
    pub luma_view: Option<YuvFrame>,
    /// The auxiliary view: the chroma that main views lack.
    pub chroma_view: Option<YuvFrame>,
    /// Where the main view counts, in pixels of the surface; clipped to the view, not empty.
    pub luma_regions: Vec<Rect>,
    /// Where the auxiliary view counts, likewise.
    pub chroma_regions: Vec<Rect>,
    /// What the main views of this surface have for chroma: whether the reverse filter is needed.
    pub main_chroma: MainChroma,
}

impl DecodedAvc {
    /// The rectangles that change on the surface; they may overlap.
    pub fn damage(&self) -> impl Iterator<Item = Rect> {
        // A region that both views list changes once.
        let luma = self.luma_regions.iter().enumerate();
        let luma = luma.filter(|(index, _)| !self.has_chroma_of(*index));
        luma.map(|(_, rect)| rect)
            .chain(&self.chroma_regions)
            .copied()
    }

    /// The same views, in memory: those that only a GPU holds are copied.
    ///
    /// # Errors
    /// [`VideoError::Copy`] where one does not come out of the GPU's memory.
    pub fn in_memory(&self) -> Result<Cow<'_, Self>, VideoError> {
        let views = [&self.luma_view, &self.chroma_view];
        let is_there = |view: &YuvFrame| view.device_picture().is_none();
        if views.into_iter().flatten().all(is_there) {
            return Ok(Cow::Borrowed(self));
        }
        let copied = |view: &Option<YuvFrame>| view.as_ref().map(YuvFrame::in_memory).transpose();
        Ok(Cow::Owned(Self {
            luma_view: copied(&self.luma_view)?,
            chroma_view: copied(&self.chroma_view)?,
            ..self.clone()
        }))
    }

    /// Takes the views into the picture that the surface keeps for 4:4:4.
    pub fn combine(&self, picture: &mut Yuv444Picture) {
        if let Some(view) = &self.luma_view {
            for (index, rect) in self.luma_regions.iter().enumerate() {
                if self.has_chroma_of(index) {
                    avc444::store_luma(&view.planes(), rect, picture);
                } else {
                    avc444::combine_luma(&view.planes(), rect, picture);
                }
            }
        }
        if let Some(view) = &self.chroma_view {
            for rect in &self.chroma_regions {
                match self.version {
                    AvcVersion::Avc444V2 => {
                        avc444::combine_chroma_v2(&view.planes(), rect, self.main_chroma, picture);
                    }
                    AvcVersion::Avc420 | AvcVersion::Avc444 => {
                        avc444::combine_chroma_v1(&view.planes(), rect, self.main_chroma, picture);
                    }
                }
            }
        }
    }

    /// Draws the views on a surface.
    ///
    /// `picture` is what the surface keeps for 4:4:4, of its size; it is made when the first
    /// message that needs it comes. `chroma` says what becomes of 4:2:0.
    pub fn draw(
        &self,
        picture: &mut Option<Yuv444Picture>,
        surface: &mut PictureMut<'_>,
        chroma: ChromaUpsampling,
    ) {
        if let (AvcVersion::Avc420, Some(view)) = (self.version, &self.luma_view) {
            for rect in &self.luma_regions {
                match chroma {
                    ChromaUpsampling::Block => yuv420_to_bgra(&view.planes(), rect, surface),
                    ChromaUpsampling::Guided => {
                        yuv420_to_bgra_guided(&view.planes(), rect, surface);
                    }
                }
            }
            return;
        }
        let size = surface.size();
        if picture.as_ref().is_none_or(|kept| kept.size() != size) {
            *picture = None;
        }
        let picture = picture.get_or_insert_with(|| Yuv444Picture::new(size));
        self.combine(picture);
        for rect in self.damage() {
            yuv444_to_bgra(&picture.planes(), &rect, surface);
        }
    }

    /// True where the auxiliary view counts in all of that luma region.
    pub fn has_chroma_of(&self, luma_region: usize) -> bool {
        holds_region(&self.chroma_regions, &self.luma_regions, luma_region)
    }
}

/// True where one of `regions` holds that one of others. Both views mostly list the same, hundreds
/// of them, in the same order: the one in the same place is asked first.
fn holds_region(regions: &[Rect], others: &[Rect], index: usize) -> bool {
    let Some(wanted) = others.get(index) else {
        return false;
    };
    let holds = |region: &Rect| region.contains_rect(wanted);
    regions.get(index).is_some_and(holds) || regions.iter().any(holds)
}

/// Decodes the messages for one surface, in order. All views go through one decoder, as they went
/// through one encoder (`[MS-RDPEGFX] 2.2.4.5`).
pub struct AvcSurfaceDecoder {
    decoder: Box<dyn VideoDecoder>,
    main_chroma: MainChromaDetector,
    /// Messages of version 2 whose views only a GPU held.
    messages_on_device: u64,
}

impl AvcSurfaceDecoder {
    /// A decoder that steps down from FFmpeg to OpenH264.
    ///
    /// # Errors
    /// [`VideoError::Unavailable`] where neither starts.
    pub fn new(limits: DecoderLimits) -> Result<Self, VideoError> {
        Self::of_kinds(&DecoderKind::SOFTWARE, limits, None)
    }

    /// A decoder that steps down along a list. Hardware lends its pictures to `importer`, where
    /// there is one.
    ///
    /// # Errors
    /// That of the last, where none starts.
    pub fn of_kinds(
        kinds: &[DecoderKind],
        limits: DecoderLimits,
        importer: Option<&Arc<dyn PictureImporter>>,
    ) -> Result<Self, VideoError> {
        let decoder = FallbackDecoder::of_kinds(kinds, limits, importer)?;
        Ok(Self::with_decoder(Box::new(decoder)))
    }

    /// The given decoder.
    pub fn with_decoder(decoder: Box<dyn VideoDecoder>) -> Self {
        Self {
            decoder,
            main_chroma: MainChromaDetector::default(),
            messages_on_device: 0,
        }
    }

    /// Name of the implementation at work.
    pub fn decoder_name(&self) -> &'static str {
        self.decoder.name()
    }

    /// What has happened to the decoder since the last call, oldest first.
    pub fn poll_event(&mut self) -> Option<DecoderEvent> {
        self.decoder.poll_event()
    }

    /// Decodes the `bitmapData` of one `RDPGFX_WIRE_TO_SURFACE_PDU_1`.
    ///
    /// # Errors
    /// Where the payload or one of its streams is malformed. The decoder stays usable.
    pub fn decode(
        &mut self,
        version: AvcVersion,
        payload: &[u8],
    ) -> Result<DecodedAvc, VideoError> {
        let views = match version {
            AvcVersion::Avc420 => Avc444Bitmap {
                luma: Some(Avc420Bitmap::parse(payload)?),
                chroma: None,
            },
            AvcVersion::Avc444 | AvcVersion::Avc444V2 => Avc444Bitmap::parse(payload)?,
        };
        let luma = self.decode_view(views.luma.as_ref());
        // The second stream builds on the first: it is decoded even where the first had an error.
        let chroma = self.decode_view(views.chroma.as_ref());
        let (luma_view, luma_regions) = luma?;
        let (chroma_view, chroma_regions) = chroma?;
        let main_chroma = match version {
            AvcVersion::Avc444V2 => {
                if let (Some(luma), Some(chroma)) = (&luma_view, &chroma_view)
                    && self.is_to_be_observed(luma, chroma)
                {
                    let both = (0..luma_regions.len())
                        .filter(|index| holds_region(&chroma_regions, &luma_regions, *index))
                        .map(|index| luma_regions[index]);
                    self.main_chroma
                        .observe_v2(&luma.planes(), &chroma.planes(), both);
                }
                self.main_chroma.found()
            }
            AvcVersion::Avc420 | AvcVersion::Avc444 => MainChroma::Averaged,
        };
        Ok(DecodedAvc {
            version,
            luma_view,
            chroma_view,
            luma_regions,
            chroma_regions,
            main_chroma,
        })
    }

    /// Whether to look at a message's chroma: always where it is in memory. Where it would have to be
    /// copied out of a GPU's, until the answer is found, and now and then.
    fn is_to_be_observed(&mut self, luma: &YuvFrame, chroma: &YuvFrame) -> bool {
        if luma.device_picture().is_none() && chroma.device_picture().is_none() {
            return true;
        }
        self.messages_on_device += 1;
        let is_open = !self.main_chroma.is_settled() && self.messages_on_device <= FIRST_OBSERVED;
        is_open || self.messages_on_device.is_multiple_of(OBSERVE_INTERVAL)
    }

    fn decode_view(
        &mut self,
        view: Option<&Avc420Bitmap<'_>>,
    ) -> Result<(Option<YuvFrame>, Vec<Rect>), VideoError> {
        let Some(view) = view else {
            return Ok((None, Vec::new()));
        };
        let frame = self
            .decoder
            .decode(view.stream())?
            .ok_or(VideoError::NoPicture)?;
        let bounds = frame.size().to_rect();
        let regions: Vec<Rect> = view
            .regions()
            .map(|region| region.rect.intersect(&bounds))
            .filter(|rect| !rect.is_empty())
            .collect();
        let covered_px = regions.iter().map(|rect| rect.size().area()).sum();
        let picture_px = frame.size().area();
        if covered_px > picture_px.saturating_mul(MAX_COVERAGE) {
            return Err(VideoError::Regions {
                covered_px,
                picture_px,
            });
        }
        Ok((Some(frame), regions))
    }
}

impl std::fmt::Debug for AvcSurfaceDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AvcSurfaceDecoder")
            .field("decoder", &self.decoder.name())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_both_views_list_changes_once_wherever_it_stands() {
        let [a, b, c] = [0, 8, 16].map(|left| Rect::new(left, 0, left + 8, 8));
        let half = Rect::new(16, 0, 20, 8);
        let views = DecodedAvc {
            version: AvcVersion::Avc444V2,
            luma_view: None,
            chroma_view: None,
            luma_regions: vec![a, b, c, half],
            chroma_regions: vec![a, half, b],
            main_chroma: MainChroma::Averaged,
        };
        let has_chroma: Vec<_> = (0..5).map(|index| views.has_chroma_of(index)).collect();
        assert_eq!(has_chroma, [true, true, false, true, false]);
        assert_eq!(views.damage().collect::<Vec<_>>(), [c, a, half, b]);
    }
}
