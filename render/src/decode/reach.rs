//! What a command touches: two that touch nothing in common may change places.

use oriel_codecs::{
    avc::{Avc420Bitmap, Avc444Bitmap},
    geometry::{Point, Rect},
};
use oriel_protocol::graphics::{GraphicsCommand, PayloadCodec, SurfaceId};

use super::Painting;

/// Surfaces that are told apart; who touches more touches everything.
const MAX_AREAS: usize = 3;

/// All of a surface, whatever its size.
const WHOLE: Rect = Rect::new(i32::MIN, i32::MIN, i32::MAX, i32::MAX);

/// Pixels and other state that commands read or write. Larger than the truth at times, never
/// smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    areas: [Option<Area>; MAX_AREAS],
    cache: Access,
    is_everything: bool,
}

/// A part of a surface, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    surface: SurfaceId,
    rect: Rect,
    /// By H.264, whose pictures also share what the surface keeps for 4:4:4.
    is_video: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    #[default]
    None,
    Read,
    Write,
}

impl Reach {
    /// Of a command as it comes, its payload not decoded.
    pub(super) fn of(command: &GraphicsCommand) -> Self {
        let mut reach = Self::default();
        match command {
            // They concern frames, and decoders, which go in order in any case.
            GraphicsCommand::StartFrame { .. }
            | GraphicsCommand::EndFrame { .. }
            | GraphicsCommand::SetPalette { .. }
            | GraphicsCommand::DeleteCodecContext { .. } => {}
            GraphicsCommand::Draw {
                surface,
                rect,
                codec,
                payload,
                ..
            } => match codec {
                PayloadCodec::Avc420 | PayloadCodec::Avc444 | PayloadCodec::Avc444v2 => {
                    reach.touch(*surface, video_bounds(*codec, payload), true);
                }
                // Its payload tells.
                PayloadCodec::Progressive(_) => reach.touch(*surface, WHOLE, false),
                _ => reach.touch(*surface, *rect, false),
            },
            GraphicsCommand::SolidFill { surface, rects, .. } => {
                reach.touch(*surface, bounds(rects.iter().copied()), false);
            }
            GraphicsCommand::SurfaceToSurface {
                source,
                destination,
                rect,
                points,
            } => {
                let targets = points.iter().map(|point| Rect::at(*point, rect.size()));
                reach.touch(*source, *rect, false);
                reach.touch(*destination, bounds(targets), false);
            }
            GraphicsCommand::SurfaceToCache { surface, rect, .. } => {
                reach.touch(*surface, *rect, false);
                reach.cache = Access::Write;
            }
            GraphicsCommand::CacheToSurface {
                surface, points, ..
            } => {
                // How large the entry is, only the scene knows.
                let corner = points.iter().copied().reduce(|a, b| Point {
                    x: a.x.min(b.x),
                    y: a.y.min(b.y),
                });
                if let Some(Point { x, y }) = corner {
                    reach.touch(*surface, Rect::new(x, y, i32::MAX, i32::MAX), false);
                }
                reach.cache = Access::Read;
            }
            GraphicsCommand::EvictCache { .. } => reach.cache = Access::Write,
            _ => reach.is_everything = true,
        }
        reach
    }

    /// Of a payload that is decoded, where that says more than the command did.
    pub(super) fn of_painting(surface: SurfaceId, painting: &Painting) -> Option<Self> {
        let (Painting::Parts { origin, rects, .. } | Painting::Tiles { origin, rects, .. }) =
            painting
        else {
            return None;
        };
        let mut reach = Self::default();
        let all = bounds(rects.iter().copied()).translate(origin.x, origin.y);
        reach.touch(surface, all, false);
        Some(reach)
    }

    /// Takes in what another touches.
    pub(super) fn add(&mut self, other: &Self) {
        self.is_everything |= other.is_everything;
        self.cache = self.cache.max(other.cache);
        for area in other.areas.iter().flatten() {
            self.touch(area.surface, area.rect, area.is_video);
        }
    }

    /// True where it makes a difference which of the two goes first.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let (low, high) = (self.cache.min(other.cache), self.cache.max(other.cache));
        let share_cache = low != Access::None && high == Access::Write;
        let share_pixels = || {
            self.areas.iter().flatten().any(|a| {
                other.areas.iter().flatten().any(|b| {
                    a.surface == b.surface
                        && (a.is_video && b.is_video || !a.rect.intersect(&b.rect).is_empty())
                })
            })
        };
        self.is_everything || other.is_everything || share_cache || share_pixels()
    }

    /// True where nothing may change places with it.
    pub(super) fn is_everything(&self) -> bool {
        self.is_everything
    }

    fn touch(&mut self, surface: SurfaceId, rect: Rect, is_video: bool) {
        if rect.is_empty() {
            return;
        }
        for area in &mut self.areas {
            match area {
                Some(area) if area.surface == surface => {
                    area.rect = area.rect.union(&rect);
                    area.is_video |= is_video;
                    return;
                }
                Some(_) => {}
                None => {
                    *area = Some(Area {
                        surface,
                        rect,
                        is_video,
                    });
                    return;
                }
            }
        }
        self.is_everything = true;
    }
}

fn bounds(rects: impl Iterator<Item = Rect>) -> Rect {
    rects.fold(Rect::default(), |all, rect| all.union(&rect))
}

/// H.264 is drawn where its regions are, be they inside of the command's rectangle or not.
fn video_bounds(codec: PayloadCodec, payload: &[u8]) -> Rect {
    let regions = |view: &Avc420Bitmap<'_>| bounds(view.regions().map(|region| region.rect));
    if codec == PayloadCodec::Avc420 {
        return Avc420Bitmap::parse(payload).map_or(WHOLE, |view| regions(&view));
    }
    Avc444Bitmap::parse(payload).map_or(WHOLE, |views| {
        let views = [&views.luma, &views.chroma];
        bounds(views.into_iter().flatten().map(regions))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use oriel_codecs::avc::{AvcRegion, AvcView};
    use oriel_protocol::graphics::{CacheSlot, SurfaceFormat};

    const LEFT: Rect = Rect::new(0, 0, 10, 10);
    const RIGHT: Rect = Rect::new(10, 0, 20, 10);

    fn draw(rect: Rect, codec: PayloadCodec, payload: Vec<u8>) -> Reach {
        Reach::of(&GraphicsCommand::Draw {
            surface: SurfaceId(1),
            rect,
            codec,
            format: SurfaceFormat::Xrgb,
            payload: payload.into(),
        })
    }

    fn planar(rect: Rect) -> Reach {
        draw(rect, PayloadCodec::Planar, Vec::new())
    }

    #[test]
    fn drawings_that_share_no_pixel_may_change_places() {
        assert!(!planar(LEFT).conflicts(&planar(RIGHT)));
        assert!(planar(LEFT).conflicts(&planar(LEFT)));
        let mut both = planar(LEFT);
        both.add(&planar(RIGHT));
        assert!(both.conflicts(&planar(RIGHT)));
    }

    #[test]
    fn h264_reaches_where_its_regions_are() {
        let mut payload = Vec::new();
        let view = AvcView {
            regions: &[AvcRegion::new(RIGHT, 22, 100)],
            stream: &[0, 0, 0, 1, 0x65],
        };
        Avc420Bitmap::encode(view, &mut payload).expect("regions on the wire");
        let video = draw(LEFT, PayloadCodec::Avc420, payload);
        assert!(!video.conflicts(&planar(LEFT)));
        assert!(video.conflicts(&planar(RIGHT)));
        assert!(video.conflicts(&video), "what 4:4:4 keeps is shared");
        let broken = draw(LEFT, PayloadCodec::Avc420, vec![1]);
        assert!(broken.conflicts(&planar(RIGHT)));
    }

    #[test]
    fn the_cache_is_read_side_by_side_and_written_alone() {
        let slot = CacheSlot(1);
        let restore = |x| {
            Reach::of(&GraphicsCommand::CacheToSurface {
                slot,
                surface: SurfaceId(x as u32),
                points: vec![Point { x, y: 5 }],
            })
        };
        let evict = Reach::of(&GraphicsCommand::EvictCache { slot });
        assert!(!restore(1).conflicts(&restore(2)));
        assert!(restore(1).conflicts(&restore(1)));
        assert!(evict.conflicts(&restore(2)));
        // An entry reaches nothing above or left of its corner.
        assert!(!restore(1).conflicts(&planar(Rect::new(0, 0, 9, 5))));
        assert!(restore(1).conflicts(&planar(Rect::new(0, 0, 9, 6))));
    }

    #[test]
    fn nothing_passes_a_change_of_surfaces() {
        let delete = Reach::of(&GraphicsCommand::DeleteSurface {
            surface: SurfaceId(9),
        });
        assert!(delete.is_everything() && delete.conflicts(&planar(LEFT)));
    }
}
