//! The demo desktop: windows over a background under a task bar, composed where something changed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture},
};
use oriel_protocol::{
    graphics::PointerUpdate,
    input::{InputEvent, MouseButton},
};
use tiny_skia::Pixmap;

use super::{
    apps::{App, Chart, Code, Moment, Terminal, Video},
    calendar::Date,
    canvas::{Canvas, Scale},
    keyboard::Keyboard,
    pointer::{self, PointerKind},
    task_bar::{Button, TaskBar},
    text::TextPainter,
    theme::TASK_BAR_HEIGHT,
    wallpaper,
    window::{Part, Window},
};
use crate::source::{Damage, DesktopSource, InputSink, Move};

/// A desktop has at least and at most so many pixels a side.
const SIDES: std::ops::RangeInclusive<u32> = 200..=8192;
/// What deterministic desktops show: 14:32 on the 21st of June 2025.
const FIXED_UNIX_S: u64 = 1_750_516_320;
/// The desktop that the windows' places are made for, without the task bar.
const REFERENCE: (f32, f32) = (1280.0, 754.0);
/// Where windows lie on it, lowest first.
const PLACES: [(f32, f32); 4] = [(38.0, 26.0), (828.0, 32.0), (838.0, 424.0), (292.0, 404.0)];
/// How much of a window stays on the desktop when it is dragged away.
const KEPT: f32 = 64.0;

/// How the demo desktop looks and behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoDesktopConfig {
    /// Width and height in pixels.
    pub size: Size,
    /// Scale in percent, 100 to 300.
    pub scale_percent: u32,
    /// Nothing moves on its own: the clock stands, the film is a still, the cursor does not blink.
    pub is_deterministic: bool,
    /// Pictures a second of the moving window.
    pub frames_per_second: u32,
}

impl Default for DemoDesktopConfig {
    fn default() -> Self {
        Self {
            size: Size::new(1280, 800),
            scale_percent: 100,
            is_deterministic: false,
            frames_per_second: 30,
        }
    }
}

/// A window that is being dragged, and where in it the pointer holds it.
#[derive(Clone, Copy, Debug)]
struct Drag {
    window: usize,
    grip: Point,
}

/// The demo desktop.
///
/// Everything is drawn into pictures of its own (background, each window's frame and content, task
/// bar) when it changes, and [`pixels`](DesktopSource::pixels) is composed of them where a
/// rectangle is damaged. A pixel of the desktop is a function of those pictures and of nothing
/// else, so that composing a part equals composing the whole.
pub struct DemoDesktop {
    config: DemoDesktopConfig,
    size: Size,
    scale: Scale,
    text: TextPainter,
    background: Pixmap,
    task_bar: TaskBar,
    /// In the order of the task bar's buttons.
    windows: Vec<Window>,
    /// Indices into `windows`, lowest first.
    order: Vec<usize>,
    focus: Option<usize>,
    drag: Option<Drag>,
    /// The user has dragged a window: places are kept from then on.
    is_arranged: bool,
    hovered_button: Option<usize>,
    pointer: Point,
    pointer_kind: PointerKind,
    is_pointer_new: bool,
    keyboard: Keyboard,
    wheel: i32,
    picture: Picture,
    /// Changed since it was last composed.
    stale: Vec<Rect>,
    /// Changed since it was last taken.
    damage: Damage,
    started: Option<Instant>,
    utc_offset_minutes: i32,
}

impl std::fmt::Debug for DemoDesktop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoDesktop")
            .field("size", &self.size)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}

impl DemoDesktop {
    /// A desktop with its four windows open.
    pub fn new(config: DemoDesktopConfig) -> Self {
        let mut text = TextPainter::new();
        let scale = Scale::new(config.scale_percent);
        let apps: [Box<dyn App>; 4] = [
            Box::new(Code::default()),
            Box::new(Chart),
            Box::new(Video::new(
                config.frames_per_second,
                config.is_deterministic,
            )),
            Box::new(Terminal::new(!config.is_deterministic)),
        ];
        let windows: Vec<Window> = apps
            .into_iter()
            .map(|app| Window::new(app, Point::default(), scale, &mut text))
            .collect();
        let mut desktop = Self {
            config,
            size: Size::default(),
            scale,
            text,
            background: empty_pixmap(Size::new(1, 1)),
            task_bar: TaskBar::new(Size::new(1, 1), scale),
            order: (0..windows.len()).collect(),
            focus: None,
            windows,
            drag: None,
            is_arranged: false,
            hovered_button: None,
            pointer: Point::new(-1, -1),
            pointer_kind: PointerKind::Arrow,
            is_pointer_new: true,
            keyboard: Keyboard::default(),
            wheel: 0,
            picture: Picture::new(Size::new(1, 1)),
            stale: Vec::new(),
            damage: Damage::default(),
            started: None,
            utc_offset_minutes: 0,
        };
        desktop.lay_out(config.size, scale);
        let top = desktop.order.last().copied();
        desktop.set_focus(top);
        desktop.refresh();
        desktop
    }

    /// Where the windows' bodies lie, lowest first, by title.
    pub fn window_rects(&self) -> Vec<(String, Rect)> {
        let open = self.order.iter().map(|&index| &self.windows[index]);
        open.filter(|window| window.is_open)
            .map(|window| (window.app.title().to_owned(), window.body()))
            .collect()
    }

    /// The whole desktop composed anew, for comparison with [`DesktopSource::pixels`].
    pub fn compose_whole(&self) -> Picture {
        let mut picture = Picture::new(self.size);
        self.compose(&mut picture, self.size.to_rect());
        picture
    }

    fn lay_out(&mut self, size: Size, scale: Scale) {
        let size = Size::new(
            size.width.clamp(*SIDES.start(), *SIDES.end()),
            size.height.clamp(*SIDES.start(), *SIDES.end()),
        );
        let is_first = self.size.is_empty();
        let old_factor = self.scale.factor();
        if scale != self.scale || is_first {
            for window in &mut self.windows {
                window.set_scale(scale, &mut self.text);
            }
        }
        let factor = scale.factor();
        let (width, height) = (size.width as f32 / factor, size.height as f32 / factor);
        // On a larger desktop the windows keep their arrangement, in the middle; on a smaller one
        // they move together.
        let place = |at: f32, reference: f32, available: f32| {
            if available >= reference {
                at + (available - reference) / 2.0
            } else {
                at * available / reference
            }
        };
        for (window, (x, y)) in self.windows.iter_mut().zip(PLACES) {
            let (x, y) = if !self.is_arranged {
                (
                    place(x, REFERENCE.0, width),
                    place(y, REFERENCE.1, height - TASK_BAR_HEIGHT),
                )
            } else {
                (
                    window.origin.x as f32 / old_factor,
                    window.origin.y as f32 / old_factor,
                )
            };
            window.origin = Point::new(scale.px(x), scale.px(y));
        }
        self.size = size;
        self.scale = scale;
        self.drag = None;
        self.background = empty_pixmap(size);
        wallpaper::paint(&mut Canvas::new(
            &mut self.background,
            &mut self.text,
            scale,
        ));
        self.task_bar = TaskBar::new(size, scale);
        for index in 0..self.windows.len() {
            let origin = self.windows[index].origin;
            self.windows[index].origin = self.kept_on_desktop(index, origin);
        }
        self.picture = Picture::new(size);
        self.damage = Damage::default();
        self.is_pointer_new = true;
        self.invalidate(size.to_rect());
    }

    /// The nearest place to `origin` at which a window can still be seen and dragged back.
    fn kept_on_desktop(&self, index: usize, origin: Point) -> Point {
        let kept = self.scale.px(KEPT);
        let width = self.windows[index].body_size().width as i32;
        let right = self.size.width as i32 - kept;
        let bottom = self.task_bar.bounds().top - kept / 2;
        Point::new(
            origin.x.clamp((kept - width).min(right), right),
            origin.y.clamp(0, bottom.max(0)),
        )
    }

    fn invalidate(&mut self, rect: Rect) {
        let rect = rect.intersect(&self.size.to_rect());
        if rect.is_empty() {
            return;
        }
        add_rect(&mut self.stale, rect);
        add_rect(&mut self.damage.rects, rect);
    }

    fn invalidate_all(&mut self, rects: impl IntoIterator<Item = Rect>) {
        for rect in rects {
            self.invalidate(rect);
        }
    }

    /// Composes what is stale.
    fn refresh(&mut self) {
        self.update_task_bar();
        let mut picture = std::mem::replace(&mut self.picture, Picture::new(Size::default()));
        for rect in std::mem::take(&mut self.stale) {
            self.compose(&mut picture, rect);
        }
        self.picture = picture;
    }

    fn compose(&self, picture: &mut Picture, clip: Rect) {
        let open: Vec<&Window> = self
            .order
            .iter()
            .map(|&index| &self.windows[index])
            .filter(|window| window.is_open && !window.bounds().intersect(&clip).is_empty())
            .collect();
        // Nothing below a window that hides the whole rectangle is seen.
        let first = open
            .iter()
            .rposition(|window| window.opaque().contains_rect(&clip));
        if first.is_none() {
            blit(picture, clip, &self.background, Point::default());
        }
        for window in &open[first.unwrap_or(0)..] {
            let (frame, origin) = window.frame();
            blit(picture, clip, frame, origin);
            let (content, origin) = window.content();
            blit(picture, clip, content, origin);
        }
        let bar = self.task_bar.bounds();
        blit(picture, clip, self.task_bar.picture(), bar.origin());
    }

    fn moment(&mut self, now: Instant) -> Moment {
        let started = *self.started.get_or_insert(now);
        Moment {
            elapsed: now.saturating_duration_since(started),
            local_unix_s: self.local_unix_s(),
        }
    }

    fn local_unix_s(&self) -> u64 {
        if self.config.is_deterministic {
            return FIXED_UNIX_S;
        }
        let utc_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        utc_s.saturating_add_signed(i64::from(self.utc_offset_minutes) * 60)
    }

    fn update_task_bar(&mut self) {
        let buttons = self
            .windows
            .iter()
            .enumerate()
            .map(|(index, window)| Button {
                label: window.app.short_title().to_owned(),
                color: window.app.color(),
                is_open: window.is_open,
                is_focused: self.focus == Some(index),
            })
            .collect();
        let date = Date::from_unix(self.local_unix_s());
        let hovered = self.hovered_button;
        let damage = self.task_bar.update(buttons, hovered, date, &mut self.text);
        self.invalidate_all(damage);
    }

    fn set_focus(&mut self, focus: Option<usize>) {
        if self.focus == focus {
            return;
        }
        for (index, is_focused) in [(self.focus, false), (focus, true)] {
            if let Some(index) = index {
                let damage = self.windows[index].set_focus(is_focused, &mut self.text);
                if self.windows[index].is_open {
                    self.invalidate_all(damage);
                }
            }
        }
        self.focus = focus;
    }

    fn raise(&mut self, index: usize) {
        if self.order.last() != Some(&index) {
            self.order.retain(|&other| other != index);
            self.order.push(index);
            self.invalidate(self.windows[index].bounds());
        }
        self.set_focus(Some(index));
    }

    fn open(&mut self, index: usize) {
        self.windows[index].is_open = true;
        self.invalidate(self.windows[index].bounds());
        self.raise(index);
    }

    fn close(&mut self, index: usize) {
        self.windows[index].is_open = false;
        self.windows[index].set_close_lit(false, &mut self.text);
        self.invalidate(self.windows[index].bounds());
        let next = self
            .order
            .iter()
            .rev()
            .copied()
            .find(|&other| self.windows[other].is_open);
        self.set_focus(next);
    }

    /// The uppermost window at a point, and which part of it.
    fn window_at(&self, point: Point) -> Option<(usize, Part)> {
        self.order.iter().rev().find_map(|&index| {
            let window = &self.windows[index];
            let part = window.is_open.then(|| window.part_at(point)).flatten()?;
            Some((index, part))
        })
    }

    fn pointer_moved(&mut self, point: Point) {
        self.pointer = point;
        if let Some(drag) = self.drag {
            let wanted = Point::new(point.x - drag.grip.x, point.y - drag.grip.y);
            self.move_window(drag.window, wanted);
            return;
        }
        let on_bar = self.task_bar.bounds().contains(point);
        self.hovered_button = self.task_bar.button_at(point, self.windows.len());
        let under = (!on_bar).then(|| self.window_at(point)).flatten();
        for index in 0..self.windows.len() {
            let is_lit = under == Some((index, Part::Close));
            let damage = self.windows[index].set_close_lit(is_lit, &mut self.text);
            self.invalidate_all(damage);
        }
        self.set_pointer(match under {
            _ if self.hovered_button.is_some() => PointerKind::Hand,
            Some((_, Part::Close)) => PointerKind::Hand,
            Some((index, Part::Content)) => self.windows[index].app.pointer(),
            _ => PointerKind::Arrow,
        });
    }

    fn set_pointer(&mut self, kind: PointerKind) {
        self.is_pointer_new |= kind != self.pointer_kind;
        self.pointer_kind = kind;
    }

    fn move_window(&mut self, index: usize, wanted: Point) {
        let origin = self.kept_on_desktop(index, wanted);
        let before = self.windows[index].origin;
        if origin == before {
            return;
        }
        let old_bounds = self.windows[index].bounds();
        let (dx, dy) = (origin.x - before.x, origin.y - before.y);
        // Only the body is worth copying: the shadow lies over something else now. What the task
        // bar covers is not the window's.
        let mut seen = self.size.to_rect();
        seen.bottom = self.task_bar.bounds().top;
        let source = self.windows[index]
            .opaque()
            .intersect(&seen)
            .intersect(&seen.translate(-dx, -dy));
        if !source.is_empty() {
            self.add_move(Move {
                source,
                destination: Point::new(source.left + dx, source.top + dy),
            });
        }
        self.windows[index].origin = origin;
        self.is_arranged = true;
        self.invalidate(old_bounds);
        self.invalidate(self.windows[index].bounds());
    }

    /// Adds a hint; steps of one drag become one.
    fn add_move(&mut self, new: Move) {
        if let Some(last) = self.damage.moves.last_mut() {
            // What took both steps, between where it was before the first and after the second.
            let both = last.target().intersect(&new.source);
            if both.size().area() * 2 > new.source.size().area() {
                let (dx, dy) = last.offset();
                let (next_dx, next_dy) = new.offset();
                *last = Move {
                    source: both.translate(-dx, -dy),
                    destination: both.translate(next_dx, next_dy).origin(),
                };
                return;
            }
        }
        self.damage.moves.push(new);
    }

    fn left_button(&mut self, is_pressed: bool) {
        if !is_pressed {
            if self.drag.take().is_some() {
                self.pointer_moved(self.pointer);
            }
            return;
        }
        if self.task_bar.bounds().contains(self.pointer) {
            if let Some(index) = self.task_bar.button_at(self.pointer, self.windows.len()) {
                match self.windows[index].is_open {
                    true if self.focus == Some(index) => self.close(index),
                    true => self.raise(index),
                    false => self.open(index),
                }
            }
            return;
        }
        match self.window_at(self.pointer) {
            Some((index, Part::Close)) => self.close(index),
            Some((index, part)) => {
                self.raise(index);
                if part == Part::Title {
                    let origin = self.windows[index].origin;
                    self.drag = Some(Drag {
                        window: index,
                        grip: Point::new(self.pointer.x - origin.x, self.pointer.y - origin.y),
                    });
                    self.set_pointer(PointerKind::Move);
                }
            }
            None => self.set_focus(None),
        }
    }

    fn wheel(&mut self, position: Point, delta: i16) {
        // Fine wheels send parts of a notch.
        self.wheel += i32::from(delta);
        let notches = self.wheel / 120;
        self.wheel -= notches * 120;
        if let Some((index, Part::Content)) = self.window_at(position)
            && notches != 0
            && self.windows[index].app.wheel(notches)
        {
            self.repaint(index);
        }
    }

    fn repaint(&mut self, index: usize) {
        let damage = self.windows[index].paint_content(&mut self.text);
        if self.windows[index].is_open {
            self.invalidate_all(damage);
        }
    }
}

impl DesktopSource for DemoDesktop {
    fn size(&self) -> Size {
        self.size
    }

    fn resize(&mut self, size: Size, scale_percent: u32) {
        self.lay_out(size, Scale::new(scale_percent));
        self.refresh();
    }

    fn advance(&mut self, now: Instant) {
        let moment = self.moment(now);
        for index in 0..self.windows.len() {
            let window = &mut self.windows[index];
            if window.app.advance(moment) && window.is_open {
                self.repaint(index);
            }
        }
        self.refresh();
    }

    fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }

    fn pixels(&self) -> &Picture {
        &self.picture
    }

    fn take_pointer(&mut self, max_side_px: u32) -> Option<PointerUpdate> {
        std::mem::take(&mut self.is_pointer_new).then(|| {
            PointerUpdate::Shape(pointer::shape(
                self.pointer_kind,
                self.scale,
                max_side_px,
                &mut self.text,
            ))
        })
    }

    fn idle_for(&self, _now: Instant) -> Option<Duration> {
        if self.config.is_deterministic {
            return None;
        }
        let open = self.windows.iter().filter(|window| window.is_open);
        let next_minute = Duration::from_secs(60 - self.local_unix_s() % 60);
        let periods = open.filter_map(|window| window.app.period());
        periods.chain([next_minute]).min()
    }

    fn set_utc_offset(&mut self, minutes: i32) {
        // No place on earth is further off.
        self.utc_offset_minutes = minutes.clamp(-14 * 60, 14 * 60);
    }
}

impl InputSink for DemoDesktop {
    fn input(&mut self, event: &InputEvent) {
        match *event {
            InputEvent::MouseMove { position } => self.pointer_moved(position),
            InputEvent::RelativeMouseMove { dx, dy } => {
                let right = self.size.width as i32 - 1;
                let bottom = self.size.height as i32 - 1;
                self.pointer_moved(Point::new(
                    (self.pointer.x + i32::from(dx)).clamp(0, right),
                    (self.pointer.y + i32::from(dy)).clamp(0, bottom),
                ));
            }
            InputEvent::MouseButton {
                position,
                button,
                is_pressed,
            } => {
                self.pointer_moved(position);
                if button == MouseButton::Left {
                    self.left_button(is_pressed);
                }
            }
            InputEvent::VerticalWheel { position, delta } => self.wheel(position, delta),
            InputEvent::HorizontalWheel { .. } => {}
            InputEvent::Key { .. }
            | InputEvent::Unicode { .. }
            | InputEvent::Synchronize { .. } => {
                if let Some(key) = self.keyboard.press(event)
                    && let Some(index) = self.focus
                    && self.windows[index].app.key(key)
                {
                    self.repaint(index);
                }
            }
        }
    }
}

fn empty_pixmap(size: Size) -> Pixmap {
    match Pixmap::new(size.width, size.height) {
        Some(pixmap) => pixmap,
        None => unreachable!("sizes are clamped to {SIDES:?}"),
    }
}

/// Adds a rectangle to a list; one that holds another takes its place, and a list that grows long
/// becomes one rectangle.
fn add_rect(rects: &mut Vec<Rect>, rect: Rect) {
    const MAX_RECTS: usize = 24;
    if rects.iter().any(|other| other.contains_rect(&rect)) {
        return;
    }
    rects.retain(|other| !rect.contains_rect(other));
    rects.push(rect);
    if rects.len() > MAX_RECTS {
        let all = rects
            .drain(..)
            .fold(Rect::default(), |all, r| all.union(&r));
        rects.push(all);
    }
}

/// Draws a premultiplied picture at `origin` over an opaque one, inside of `clip`.
fn blit(target: &mut Picture, clip: Rect, source: &Pixmap, origin: Point) {
    let extent = Rect::at(origin, Size::new(source.width(), source.height()));
    let area = extent.intersect(&clip).intersect(&target.size().to_rect());
    if area.is_empty() {
        return;
    }
    let width_bytes = area.width() as usize * BYTES_PER_PIXEL;
    let source_stride = source.width() as usize * BYTES_PER_PIXEL;
    let target_stride = target.stride_bytes();
    for y in area.top..area.bottom {
        let from = (y - origin.y) as usize * source_stride
            + (area.left - origin.x) as usize * BYTES_PER_PIXEL;
        let to = y as usize * target_stride + area.left as usize * BYTES_PER_PIXEL;
        let over = &source.data()[from..from + width_bytes];
        let under = &mut target.data_mut()[to..to + width_bytes];
        for (under, over) in under
            .chunks_exact_mut(BYTES_PER_PIXEL)
            .zip(over.chunks_exact(BYTES_PER_PIXEL))
        {
            match over[3] {
                255 => under.copy_from_slice(over),
                0 => {}
                alpha => {
                    let rest = 255 - u32::from(alpha);
                    for (under, over) in under.iter_mut().zip(over).take(3) {
                        let below = (u32::from(*under) * rest + 127) / 255;
                        *under = (u32::from(*over) + below).min(255) as u8;
                    }
                }
            }
        }
    }
}
