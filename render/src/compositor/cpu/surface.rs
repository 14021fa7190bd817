//! A surface in memory, and what H.264 shows on it that is not drawn there yet.
//!
//! Large pictures are left as planes for as long as nobody reads the surface. One that another
//! covers before it is seen is never converted, and one that is seen is converted straight into
//! the window, where it would be copied to otherwise. Everything else sees a surface that is
//! whole.

use std::sync::Arc;

use oriel_codecs::{
    geometry::{Rect, Size},
    picture::{Picture, PictureMut},
    video::{AvcVersion, DecodedAvc, YuvFrame},
    yuv::{
        ChromaUpsampling, Yuv444Picture, coded_size, widen_to_blocks, yuv420_to_bgra,
        yuv420_to_bgra_guided, yuv444_to_bgra,
    },
};

use crate::{
    compositor::{
        memory::{Counted, MemoryKind, MemoryLedger},
        paint::Desktop,
    },
    decode::tile_pool::TilePool,
};

use super::holes::Holes;

/// H.264 that covers more than this is not drawn at once, and in 4:2:0 it is first drawn in a
/// hurry: guiding its chroma by its luma takes some ten times as long, which what moves on the
/// whole screen cannot spare.
const LARGE_PX: u64 = 256 * 256;

/// Pictures in 4:2:0 that are kept: decoders have no more to spare.
const MAX_PICTURES: usize = 4;

/// In more pieces than these a picture is not worth keeping: the smallest are forgotten.
const MAX_PIECES: usize = 256;

/// The pixels of a surface.
#[derive(Debug)]
pub(super) struct Surface {
    /// What lies below anything that is not drawn yet.
    picture: Counted<Picture>,
    /// All that came in 4:4:4.
    planes: Option<Counted<Yuv444Picture>>,
    /// Where those are what the surface shows, and are not drawn. Nothing else that is kept lies
    /// there.
    undrawn: Vec<Rect>,
    /// Oldest first. A pixel is in one of them at most.
    hurried: Vec<Hurried>,
    /// What of a rectangle that is seen is not drawn, and then what is; kept for its memory, as
    /// are the holes.
    beside: Vec<Rect>,
    holes: Holes,
}

/// A picture in 4:2:0 whose chroma is not guided by its luma, and where it is still what the
/// surface shows.
#[derive(Debug)]
struct Hurried {
    view: YuvFrame,
    rects: Vec<Rect>,
    is_drawn: bool,
}

impl Hurried {
    /// Draws on `picture` what is not drawn yet.
    fn settle(&mut self, picture: &mut Picture) {
        if !std::mem::replace(&mut self.is_drawn, true) {
            for rect in &self.rects {
                yuv420_to_bgra(&self.view.planes(), rect, &mut picture.as_mut());
            }
        }
    }
}

impl Surface {
    /// A surface that shows a picture.
    pub(super) fn new(picture: Counted<Picture>) -> Self {
        Self {
            picture,
            planes: None,
            undrawn: Vec::new(),
            hurried: Vec::new(),
            beside: Vec::new(),
            holes: Holes::default(),
        }
    }

    /// Its pixels, all of them drawn.
    pub(super) fn pixels(&mut self) -> &mut Counted<Picture> {
        draw_planes(&self.planes, &mut self.undrawn, &mut self.picture);
        for hurried in &mut self.hurried {
            hurried.settle(&mut self.picture);
        }
        &mut self.picture
    }

    /// Its pixels, all of them drawn, and nothing else of it.
    pub(super) fn into_pixels(mut self) -> Counted<Picture> {
        self.pixels();
        self.picture
    }

    /// Its pixels for somebody who writes all those of `rects` and reads none.
    pub(super) fn pixels_but(
        &mut self,
        rects: impl Iterator<Item = Rect>,
        holes: &mut Holes,
    ) -> &mut Picture {
        self.cover(rects, holes);
        &mut self.picture
    }

    /// Something else is drawn in these rectangles.
    fn cover(&mut self, rects: impl Iterator<Item = Rect>, holes: &mut Holes) {
        if self.undrawn.is_empty() && self.hurried.is_empty() {
            return;
        }
        holes.set(rects);
        holes.cut(&mut self.undrawn);
        if self.undrawn.len() > MAX_PIECES {
            draw_planes(&self.planes, &mut self.undrawn, &mut self.picture);
        }
        for hurried in &mut self.hurried {
            holes.cut(&mut hurried.rects);
            if hurried.rects.len() > MAX_PIECES {
                hurried.settle(&mut self.picture);
                hurried
                    .rects
                    .sort_unstable_by_key(|rect| std::cmp::Reverse(rect.size().area()));
                hurried.rects.truncate(MAX_PIECES);
            }
        }
        self.hurried.retain(|hurried| !hurried.rects.is_empty());
    }

    /// Takes views of H.264, which are in memory.
    pub(super) fn draw_avc(
        &mut self,
        views: &DecodedAvc,
        holes: &mut Holes,
        memory: &Arc<MemoryLedger>,
    ) {
        self.cover(views.damage(), holes);
        let covered_px: u64 = views.damage().map(|rect| rect.size().area()).sum();
        let is_large = covered_px > LARGE_PX;
        match (views.version, &views.luma_view) {
            (AvcVersion::Avc420, Some(view)) if is_large => {
                if self.hurried.len() == MAX_PICTURES {
                    self.hurried.remove(0).settle(&mut self.picture);
                }
                self.hurried.push(Hurried {
                    view: view.clone(),
                    rects: views.luma_regions.clone(),
                    is_drawn: false,
                });
            }
            (AvcVersion::Avc420, _) => {
                views.draw(
                    &mut None,
                    &mut self.picture.as_mut(),
                    ChromaUpsampling::Guided,
                );
            }
            _ => {
                let size = self.picture.size();
                // Planes change in whole blocks of 2×2, and so beside a rectangle that is not.
                let bounds = size.to_rect();
                let is_whole_blocks = |rect: Rect| {
                    widen_to_blocks(&rect, size).intersect(&bounds) == rect.intersect(&bounds)
                };
                if !views.damage().all(is_whole_blocks) {
                    draw_planes(&self.planes, &mut self.undrawn, &mut self.picture);
                }
                let planes = self.planes.get_or_insert_with(|| new_planes(size, memory));
                views.combine(planes);
                self.undrawn.extend(views.damage());
                if !is_large || self.undrawn.len() > MAX_PIECES {
                    draw_planes(&self.planes, &mut self.undrawn, &mut self.picture);
                }
            }
        }
    }

    /// True where pictures wait to be drawn better.
    pub(super) fn can_refine(&self) -> bool {
        !self.hurried.is_empty()
    }

    /// Draws them better; returns where.
    pub(super) fn refine(&mut self, pool: Option<&TilePool>) -> Vec<Rect> {
        let hurried = std::mem::take(&mut self.hurried);
        for Hurried { view, rects, .. } in &hurried {
            for rect in rects {
                let (planes, mut target) = (view.planes(), self.picture.as_mut());
                let bytes = rect.size().area() as usize;
                let mut draw = || yuv420_to_bgra_guided(&planes, rect, &mut target);
                match pool {
                    Some(pool) => pool.run(bytes, draw),
                    None => draw(),
                }
            }
        }
        hurried
            .into_iter()
            .flat_map(|hurried| hurried.rects)
            .collect()
    }
}

impl Desktop for Surface {
    fn picture(&mut self) -> &Picture {
        self.pixels()
    }

    fn draw(&mut self, rect: &Rect, target: &mut PictureMut<'_>) -> u64 {
        let holds = |rects: &[Rect]| rects.iter().any(|piece| piece.contains_rect(rect));
        if let Some(planes) = self.planes.as_ref().filter(|_| holds(&self.undrawn)) {
            yuv444_to_bgra(&planes.planes(), rect, target);
            return 0;
        }
        if self
            .undrawn
            .iter()
            .any(|piece| !piece.intersect(rect).is_empty())
        {
            draw_planes(&self.planes, &mut self.undrawn, &mut self.picture);
        }
        self.beside.clear();
        for hurried in self.hurried.iter().filter(|hurried| !hurried.is_drawn) {
            let pieces = hurried.rects.iter().map(|piece| piece.intersect(rect));
            for piece in pieces.filter(|piece| !piece.is_empty()) {
                yuv420_to_bgra(&hurried.view.planes(), &piece, target);
                self.beside.push(piece);
            }
        }
        if self.beside.is_empty() {
            return self.picture.draw(rect, target);
        }
        // What lies beside them is drawn.
        self.holes.set(self.beside.drain(..));
        self.beside.push(*rect);
        self.holes.cut(&mut self.beside);
        let beside = self.beside.iter();
        beside.map(|rest| self.picture.draw(rest, target)).sum()
    }
}

/// Draws what `undrawn` lists, which is nothing then.
fn draw_planes(
    planes: &Option<Counted<Yuv444Picture>>,
    undrawn: &mut Vec<Rect>,
    picture: &mut Picture,
) {
    for rect in undrawn.drain(..) {
        if let Some(planes) = planes {
            yuv444_to_bgra(&planes.planes(), &rect, &mut picture.as_mut());
        }
    }
}

fn new_planes(size: Size, memory: &Arc<MemoryLedger>) -> Counted<Yuv444Picture> {
    // Luma and chroma, and the main view's chroma for 2×2 pixels.
    let bytes = coded_size(size).area() * 7 / 2;
    let tag = memory.tag(MemoryKind::Planes, bytes);
    Counted::new(Yuv444Picture::new(size), tag)
}

#[cfg(test)]
mod tests {
    use oriel_codecs::{
        geometry::Point,
        video::ColorDescription,
        yuv::{MainChroma, Yuv420Picture, bgra_to_yuv420},
    };
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// There is room for pictures that are not drawn at once.
    const SIZE: Size = Size::new(320, 288);
    const WHOLE: Rect = Rect::new(0, 0, 320, 288);
    const SPOT: Size = Size::new(2, 2);

    #[derive(Clone, Debug)]
    enum Act {
        Avc(AvcVersion, u8, Vec<Rect>),
        Write(u8, Rect),
        Refine,
        /// A part is seen.
        Look(Rect),
    }

    fn rect() -> impl Strategy<Value = Rect> {
        (0..300_i32, 0..270_i32, 1..300_i32, 1..270_i32)
            .prop_map(|(x, y, width, height)| Rect::new(x, y, x + width, y + height))
            .prop_map(|rect| rect.intersect(&WHOLE))
    }

    fn act() -> impl Strategy<Value = Act> {
        let version = prop_oneof![
            4 => Just(AvcVersion::Avc420),
            2 => Just(AvcVersion::Avc444),
            2 => Just(AvcVersion::Avc444V2),
        ];
        let rects = prop_oneof![Just(vec![WHOLE]), vec(rect(), 1..5)];
        prop_oneof![
            4 => (version, any::<u8>(), rects)
                .prop_map(|(version, seed, rects)| Act::Avc(version, seed, rects)),
            2 => (any::<u8>(), rect()).prop_map(|(seed, rect)| Act::Write(seed, rect)),
            1 => Just(Act::Refine),
            4 => rect().prop_map(Act::Look),
        ]
    }

    fn color(seed: u8) -> [u8; 4] {
        [seed.wrapping_mul(89), seed.wrapping_mul(151), !seed, 255]
    }

    fn surface() -> Surface {
        let memory = Arc::new(MemoryLedger::default());
        let tag = memory.tag(MemoryKind::Surfaces, 0);
        Surface::new(Counted::new(Picture::filled(SIZE, color(0)), tag))
    }

    /// A main view of one colour.
    fn views(version: AvcVersion, seed: u8, rects: &[Rect]) -> DecodedAvc {
        let mut picture = Yuv420Picture::new(SIZE);
        bgra_to_yuv420(&Picture::filled(SIZE, color(seed)), &WHOLE, &mut picture);
        DecodedAvc {
            version,
            luma_view: Some(YuvFrame::from_picture(picture, ColorDescription::default())),
            chroma_view: None,
            luma_regions: rects.to_vec(),
            chroma_regions: Vec::new(),
            main_chroma: MainChroma::default(),
        }
    }

    fn carry_out(surface: &mut Surface, act: &Act) {
        let holes = &mut Holes::default();
        match act {
            Act::Avc(version, seed, rects) => {
                let memory = Arc::new(MemoryLedger::default());
                surface.draw_avc(&views(*version, *seed, rects), holes, &memory);
            }
            Act::Write(seed, rect) => {
                let pixels = surface.pixels_but(std::iter::once(*rect), holes);
                let mut part = pixels.as_mut();
                let mut part = part.sub(rect).expect("it lies inside");
                for y in 0..rect.height() {
                    part.row_mut(y).as_chunks_mut().0.fill(color(*seed));
                }
            }
            Act::Refine => drop(surface.refine(None)),
            Act::Look(_) => {}
        }
    }

    fn assert_same(seen: &Picture, wanted: &Picture, rect: &Rect) {
        for y in rect.top..rect.bottom {
            for x in rect.left..rect.right {
                let at = Point::new(x, y);
                let (seen, wanted) = (seen.pixel(at), wanted.pixel(at));
                // Each conversion is within one step of what is exact.
                let is_close = std::iter::zip(seen, wanted).all(|(a, b)| a.abs_diff(b) <= 2);
                assert!(is_close, "{seen:?} for {wanted:?} at {at:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_seen_is_what_would_have_been_drawn_at_once(acts in vec(act(), 1..24)) {
            let (mut late, mut at_once) = (surface(), surface());
            for act in &acts {
                carry_out(&mut late, act);
                carry_out(&mut at_once, act);
                let wanted = at_once.pixels();
                if let Act::Look(rect) = act {
                    let mut seen = Picture::new(SIZE);
                    late.draw(rect, &mut seen.as_mut());
                    assert_same(&seen, wanted, rect);
                }
            }
            assert_same(late.pixels(), at_once.pixels(), &WHOLE);
        }
    }

    #[test]
    fn a_film_goes_to_the_window_without_a_copy_and_is_drawn_for_who_reads_the_surface() {
        for version in [AvcVersion::Avc420, AvcVersion::Avc444V2] {
            let mut surface = surface();
            let mut window = Picture::new(SIZE);
            for seed in 1..20 {
                carry_out(&mut surface, &Act::Avc(version, seed, vec![WHOLE]));
                assert_eq!(surface.draw(&WHOLE, &mut window.as_mut()), 0);
                assert_eq!(surface.picture.pixel(Point::default()), color(0));
                assert!(surface.hurried.len() <= 1 && surface.undrawn.len() <= 1);
            }
            assert_same(surface.pixels(), &window, &WHOLE);
            assert!(surface.draw(&WHOLE, &mut window.as_mut()) > 0, "a copy");
        }
    }

    #[test]
    fn a_page_goes_to_the_window_without_a_copy_of_what_scrolls() {
        let mut surface = surface();
        let lines: Vec<Rect> = (0..9)
            .map(|line| Rect::new(10, line * 32, 310, line * 32 + 28))
            .collect();
        let lines_px: u64 = lines.iter().map(|line| line.size().area()).sum();
        let mut window = Picture::new(SIZE);
        for seed in 1..20 {
            carry_out(
                &mut surface,
                &Act::Avc(AvcVersion::Avc420, seed, lines.clone()),
            );
            let copied = surface.draw(&WHOLE, &mut window.as_mut());
            assert_eq!(copied, (SIZE.area() - lines_px) * 4);
            let inside = Point::new(10, 0);
            assert_eq!(surface.picture.pixel(inside), color(0));
        }
        assert_same(surface.pixels(), &window, &WHOLE);
    }

    #[test]
    fn a_picture_in_too_many_pieces_is_drawn_before_the_smallest_are_forgotten() {
        let mut surface = surface();
        carry_out(&mut surface, &Act::Avc(AvcVersion::Avc420, 7, vec![WHOLE]));
        let spots: Vec<Rect> = (0..20 * 18)
            .map(|spot| Rect::at(Point::new(spot % 20 * 16 + 4, spot / 20 * 16 + 4), SPOT))
            .collect();
        let holes = &mut Holes::default();
        surface.pixels_but(spots.iter().copied(), holes);
        assert_eq!(surface.hurried[0].rects.len(), MAX_PIECES);
        for spot in spots {
            carry_out(&mut surface, &Act::Write(7, spot));
        }
        let filled = Picture::filled(SIZE, color(7));
        assert_same(surface.pixels(), &filled, &WHOLE);
    }

    #[test]
    fn the_oldest_of_too_many_pictures_is_drawn_before_it_is_forgotten() {
        let mut surface = surface();
        let mut place = |seed: u8, rect: Rect| {
            // Listed so often that it counts as large.
            let rects = vec![rect; 12];
            carry_out(&mut surface, &Act::Avc(AvcVersion::Avc420, seed, rects));
        };
        place(1, WHOLE);
        let places = (0..MAX_PICTURES as i32).map(|at| Rect::new(at * 80, 0, at * 80 + 80, 80));
        for (seed, rect) in (2..).zip(places.clone()) {
            place(seed, rect);
        }
        assert_eq!(surface.hurried.len(), MAX_PICTURES);
        let mut wanted = Picture::filled(SIZE, color(1));
        for (seed, rect) in (2..).zip(places) {
            let part = Picture::filled(rect.size(), color(seed));
            let mut target = wanted.as_mut();
            let mut target = target.sub(&rect).expect("it lies inside");
            for y in 0..rect.height() {
                target.row_mut(y).copy_from_slice(part.view().row(y));
            }
        }
        assert_same(surface.pixels(), &wanted, &WHOLE);
    }
}
