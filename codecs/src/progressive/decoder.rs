//! RemoteFX Progressive, decoding (`[MS-RDPEGFX] 3.3.8.2`).

use crate::{
    geometry::{Point, Rect, Size},
    picture::PictureMut,
    remotefx::{
        CoefficientTiles, Component, TILE_AREA, TILE_SIZE,
        clip::Clip,
        coefficients::TILE_COEFFICIENTS,
        painter::{Pieces, TILES_FOR_TWO},
        tile::TileSamples,
        tile_source::grid,
    },
};

use super::{
    ProgressiveError,
    blocks::{self, Block, Region, TileBlock},
    tile::Tile,
};

const SIDE: i32 = TILE_SIZE as i32;

/// One codec context of a surface.
///
/// What a tile was made of is kept, so that a pass can add to it: the dequantised coefficients, and
/// the sign of each.
///
/// # Memory
/// 27 KiB for each tile of the surface that ever came and 8 bytes for each of the others; for the
/// largest region seen 32 bytes for each tile, 32 for each rectangle, and 32 for each row of tiles
/// that one lies in. Rectangles that overlap take more, but never more than eight times what the
/// pixels take that they lie on.
#[derive(Debug)]
pub struct ProgressiveDecoder {
    size: Size,
    /// Tiles in a row.
    columns: usize,
    /// Row by row.
    tiles: Vec<Option<Box<Tile>>>,
    plans: Vec<TilePlan>,
    clip: Clip,
}

/// Where a tile belongs, and where among the region's tiles its block lies.
#[derive(Clone, Copy, Debug)]
struct TilePlan {
    row: u16,
    column: u16,
    /// Which of the region's tiles it is: passes add up in the order they come in.
    order: u16,
    kind: u16,
    start: usize,
    length: usize,
}

impl ProgressiveDecoder {
    /// A context without a tile, for a surface of `size` pixels.
    pub fn new(size: Size) -> Self {
        let (columns, rows) = grid(size);
        let mut tiles = Vec::new();
        tiles.resize_with(columns as usize * rows as usize, || None);
        Self {
            size,
            columns: columns as usize,
            tiles,
            plans: Vec::new(),
            clip: Clip::default(),
        }
    }

    /// What of the surface a payload draws on at most: the rectangle around those of its regions.
    /// Empty where it draws nothing.
    ///
    /// # Errors
    /// [`ProgressiveError`] at the first block that cannot be read; tiles are not looked at.
    pub fn bounds(&self, payload: &[u8]) -> Result<Rect, ProgressiveError> {
        let mut bounds = Rect::default();
        for region in regions(payload) {
            for rect in region?.rects() {
                bounds = bounds.union(&rect.intersect(&self.size.to_rect()));
            }
        }
        Ok(bounds)
    }

    /// Decodes a payload (`RFX_PROGRESSIVE_BITMAP_STREAM`) into `target`, whose first pixel is the
    /// one at `origin` on the surface, and appends to `painted` the rectangles of `target` that
    /// were written: those of the regions, where there are tiles under them. What lies outside of
    /// `target` is kept, but not drawn.
    ///
    /// Where the caller runs in a pool of `rayon`, rows of tiles are decoded in parallel on it, if
    /// there is enough to do.
    ///
    /// # Errors
    /// [`ProgressiveError`] at the first block that cannot be decoded. Tiles of its region may have
    /// changed, in the context and in `target`.
    pub fn decode(
        &mut self,
        payload: &[u8],
        origin: Point,
        target: &mut PictureMut<'_>,
        painted: &mut Vec<Rect>,
    ) -> Result<(), ProgressiveError> {
        for region in regions(payload) {
            self.region(&region?, origin, target, painted)?;
        }
        Ok(())
    }

    /// Takes the passes of a payload that [is one region](Self::is_one_region): `tiles` become
    /// those that something is painted of, with all that is known of their coefficients, and
    /// `painted` the rectangles of the surface that [`decode`](Self::decode) would have written.
    ///
    /// # Errors
    /// As above.
    pub fn decode_coefficients(
        &mut self,
        payload: &[u8],
        tiles: &mut CoefficientTiles,
        painted: &mut Vec<Rect>,
    ) -> Result<(), ProgressiveError> {
        tiles.set_tiles(std::iter::empty());
        for region in regions(payload) {
            let region = region?;
            self.plan(&region)?;
            // Passes come first, and nothing is drawn by them.
            let nowhere = Rect::default();
            self.clip.set(std::iter::empty(), nowhere);
            if let Some(target) = PictureMut::new(&mut [], Size::default(), 0) {
                self.take_passes(&region, Point::default(), target)?;
            }
            self.clip.set(region.rects(), self.size.to_rect());
            self.collect(tiles);
            self.note_painted(Point::default(), painted);
        }
        Ok(())
    }

    /// True for a payload of one region at most, as all servers' are: what is painted does not
    /// depend on the order of regions then.
    pub fn is_one_region(payload: &[u8]) -> bool {
        regions(payload).count() <= 1
    }

    /// Copies the coefficients of the tiles that something is painted of.
    fn collect(&self, out: &mut CoefficientTiles) {
        let shown = (0..self.clip.rows()).flat_map(|row| {
            self.clip.columns(row).filter_map(move |column| {
                let tile = self.tiles[row * self.columns + column].as_deref()?;
                let place = place(column as i32, row as i32);
                let mut rects = self.clip.row(row).iter();
                let is_shown = rects.any(|rect| !rect.intersect(&place).is_empty());
                is_shown.then_some((tile, (column as u16, row as u16)))
            })
        });
        let shown: Vec<_> = shown.collect();
        let kinds = shown.iter().map(|(tile, place)| tile.kind(*place));
        let (chunks, _) = out.set_tiles(kinds).as_chunks_mut::<TILE_COEFFICIENTS>();
        copy_tiles(&shown, chunks);
    }

    fn region(
        &mut self,
        region: &Region<'_>,
        origin: Point,
        target: &mut PictureMut<'_>,
        painted: &mut Vec<Rect>,
    ) -> Result<(), ProgressiveError> {
        self.plan(region)?;
        let shown = Rect::at(origin, target.size()).intersect(&self.size.to_rect());
        self.clip.set(region.rects(), shown);

        let (size, stride_bytes) = (target.size(), target.stride_bytes());
        if let Some(target) = PictureMut::new(target.data_mut(), size, stride_bytes) {
            self.take_passes(region, origin, target)?;
        }
        self.note_painted(origin, painted);
        Ok(())
    }

    /// Takes the passes of a region that is [planned](Self::plan), and draws what the clip shows.
    fn take_passes(
        &mut self,
        region: &Region<'_>,
        origin: Point,
        target: PictureMut<'_>,
    ) -> Result<(), ProgressiveError> {
        let job = Job {
            region,
            columns: self.columns,
            clip: &self.clip,
            left: origin.x,
        };
        let rows = Rows {
            first: 0,
            tiles: &mut self.tiles,
            plans: &self.plans,
            target,
            top: origin.y,
        };
        job.run(rows)
    }

    /// Lists the region's tiles, ordered by where they are.
    fn plan(&mut self, region: &Region<'_>) -> Result<(), ProgressiveError> {
        let (columns, rows) = grid(self.size);
        self.plans.clear();
        for (order, frame) in region.tile_frames().enumerate() {
            let (kind, start, body) = frame?;
            let (column, row) = TileBlock::read(kind, body)?.position();
            // Bounds the memory that a peer can make this context take.
            if u32::from(column) >= columns || u32::from(row) >= rows {
                return Err(ProgressiveError::Invalid {
                    field: "tile position",
                    value: u64::from(column) << 16 | u64::from(row),
                });
            }
            self.plans.push(TilePlan {
                row,
                column,
                order: order as u16,
                kind,
                start,
                length: body.len(),
            });
        }
        let key = |plan: &TilePlan| (plan.row, plan.column, plan.order);
        if !self.plans.is_sorted_by_key(key) {
            self.plans.sort_unstable_by_key(key);
        }
        Ok(())
    }

    /// Appends what the region's rectangles show of tiles that are there.
    fn note_painted(&self, origin: Point, painted: &mut Vec<Rect>) {
        let mut pieces = Pieces::new(painted);
        for row in 0..self.clip.rows() {
            let tiles = &self.tiles[row * self.columns..][..self.columns];
            for column in self.clip.columns(row) {
                if tiles[column].is_some() {
                    let place = place(column as i32, row as i32);
                    for rect in self.clip.row(row) {
                        let piece = rect.intersect(&place);
                        pieces.push(piece.translate(-origin.x, -origin.y));
                    }
                }
            }
        }
        pieces.finish();
    }
}

/// Copies the coefficients of tiles, in parallel where there are many and a pool is around.
fn copy_tiles(tiles: &[(&Tile, (u16, u16))], out: &mut [[i16; TILE_COEFFICIENTS]]) {
    if tiles.len() >= 8 * TILES_FOR_TWO && rayon::current_thread_index().is_some() {
        let middle = tiles.len() / 2;
        let (above, below) = out.split_at_mut(middle);
        rayon::join(
            || copy_tiles(&tiles[..middle], above),
            || copy_tiles(&tiles[middle..], below),
        );
        return;
    }
    for ((tile, _), out) in tiles.iter().zip(out) {
        out.copy_from_slice(tile.coefficients());
    }
}

/// The regions of a payload that stand in frames; others "MUST" be ignored (2.2.4.2.1.5).
fn regions(payload: &[u8]) -> impl Iterator<Item = Result<Region<'_>, ProgressiveError>> {
    let mut is_in_frame = false;
    blocks::read(payload).filter_map(move |block| match block {
        Ok(Block::FrameBegin) => {
            is_in_frame = true;
            None
        }
        Ok(Block::FrameEnd) => {
            is_in_frame = false;
            None
        }
        Ok(Block::Region(region)) => is_in_frame.then_some(Ok(region)),
        Ok(Block::Other) => None,
        Err(error) => Some(Err(error)),
    })
}

/// The pixels of a tile.
fn place(column: i32, row: i32) -> Rect {
    Rect::new(
        column * SIDE,
        row * SIDE,
        (column + 1) * SIDE,
        (row + 1) * SIDE,
    )
}

/// What all rows of tiles have in common.
#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    region: &'a Region<'a>,
    columns: usize,
    /// What is drawn, inside of target and surface.
    clip: &'a Clip,
    /// Of the target on the surface.
    left: i32,
}

/// Rows of tiles that one thread decodes.
struct Rows<'a> {
    /// The row of the first of `tiles`.
    first: usize,
    tiles: &'a mut [Option<Box<Tile>>],
    /// Those of the region's tiles that belong there.
    plans: &'a [TilePlan],
    target: PictureMut<'a>,
    /// Of the target on the surface.
    top: i32,
}

impl<'a> Rows<'a> {
    /// Splits where a row of tiles begins, as near to the middle of the work as one does.
    fn split(self, columns: usize) -> Result<(Rows<'a>, Rows<'a>), Rows<'a>> {
        let middle = self.plans[self.plans.len() / 2].row;
        let mut at = self.plans.partition_point(|plan| plan.row < middle);
        if at == 0 {
            at = self.plans.partition_point(|plan| plan.row <= middle);
        }
        let Some(below) = self.plans.get(at) else {
            return Err(self);
        };
        let row = usize::from(below.row);
        let (above_plans, below_plans) = self.plans.split_at(at);
        let (above_tiles, below_tiles) = self.tiles.split_at_mut((row - self.first) * columns);
        let height = self.target.size().height as i32;
        let cut = (row as i32 * SIDE - self.top).clamp(0, height);
        let (above_target, below_target) = self.target.split_at_row(cut as u32);
        let above = Rows {
            first: self.first,
            tiles: above_tiles,
            plans: above_plans,
            target: above_target,
            top: self.top,
        };
        let below = Rows {
            first: row,
            tiles: below_tiles,
            plans: below_plans,
            target: below_target,
            top: self.top + cut,
        };
        Ok((above, below))
    }
}

/// Memory that tiles are decoded in.
struct Scratch {
    difference: Component,
    samples: TileSamples,
}

impl Job<'_> {
    fn run(&self, rows: Rows<'_>) -> Result<(), ProgressiveError> {
        if rows.plans.len() < TILES_FOR_TWO || rayon::current_thread_index().is_none() {
            return self.run_here(rows);
        }
        match rows.split(self.columns) {
            Ok((above, below)) => {
                let (above, below) = rayon::join(|| self.run(above), || self.run(below));
                above.and(below)
            }
            Err(rows) => self.run_here(rows),
        }
    }

    fn run_here(&self, mut rows: Rows<'_>) -> Result<(), ProgressiveError> {
        let mut scratch = Scratch {
            difference: [0; TILE_AREA],
            samples: TileSamples::new(),
        };
        let mut plans = rows.plans;
        for (row, tiles) in (rows.first..).zip(rows.tiles.chunks_mut(self.columns)) {
            let (here, behind) =
                plans.split_at(plans.partition_point(|plan| usize::from(plan.row) == row));
            plans = behind;
            self.run_row(
                row as i32,
                tiles,
                here,
                (&mut rows.target, rows.top),
                &mut scratch,
            )?;
        }
        Ok(())
    }

    fn run_row(
        &self,
        row: i32,
        tiles: &mut [Option<Box<Tile>>],
        mut plans: &[TilePlan],
        (target, top): (&mut PictureMut<'_>, i32),
        scratch: &mut Scratch,
    ) -> Result<(), ProgressiveError> {
        if plans.is_empty() && self.clip.row(row as usize).is_empty() {
            return Ok(());
        }
        for (column, slot) in (0..).zip(tiles) {
            while let [plan, behind @ ..] = plans
                && plan.column == column
            {
                self.take(plan, slot, scratch)?;
                plans = behind;
            }
            // A region may also show tiles that came with one before it in the frame.
            if let Some(tile) = slot {
                let at = place(column.into(), row);
                self.draw(tile, at, (target, top), &mut scratch.samples);
            }
        }
        Ok(())
    }

    /// Takes a pass of a tile.
    fn take(
        &self,
        plan: &TilePlan,
        slot: &mut Option<Box<Tile>>,
        scratch: &mut Scratch,
    ) -> Result<(), ProgressiveError> {
        let body = &self.region.tiles[plan.start..plan.start + plan.length];
        match TileBlock::read(plan.kind, body)? {
            TileBlock::Whole(whole) => {
                let tile = slot.get_or_insert_with(|| Box::new(Tile::new()));
                tile.first_pass(&whole, self.region, &mut scratch.difference)
            }
            TileBlock::Upgrade(upgrade) => {
                let tile = slot.as_mut().ok_or(ProgressiveError::NoFirstPass {
                    column: plan.column,
                    row: plan.row,
                })?;
                tile.upgrade_pass(&upgrade, self.region)
            }
        }
    }

    fn draw(
        &self,
        tile: &Tile,
        place: Rect,
        (target, top): (&mut PictureMut<'_>, i32),
        samples: &mut TileSamples,
    ) {
        let mut is_transformed = false;
        for rect in self.clip.row((place.top / SIDE) as usize) {
            let piece = rect.intersect(&place);
            if piece.is_empty() {
                continue;
            }
            if !is_transformed {
                tile.transform(samples);
                is_transformed = true;
            }
            let at = (
                (piece.left - place.left) as usize,
                (piece.top - place.top) as usize,
            );
            if let Some(mut target) = target.sub(&piece.translate(-self.left, -top)) {
                samples.paint(at, &mut target);
            }
        }
    }
}
