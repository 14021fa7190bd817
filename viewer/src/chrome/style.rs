//! Colours and sizes of the chrome.

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Frame, Margin, Shadow, Stroke, TextStyle,
    Theme, Visuals, vec2,
};

/// Text that matters.
pub(super) const TEXT: Color32 = Color32::from_rgb(0xe8, 0xec, 0xf1);
/// Text beside it.
pub(super) const FAINT: Color32 = Color32::from_rgb(0x9a, 0xa5, 0xb4);
/// What goes on.
pub(super) const ACCENT: Color32 = Color32::from_rgb(0x5a, 0xa9, 0xe6);
/// What is done.
pub(super) const DONE: Color32 = Color32::from_rgb(0x7c, 0xc4, 0x8a);
/// What went wrong.
pub(super) const WRONG: Color32 = Color32::from_rgb(0xe8, 0x7a, 0x6f);
/// What was not begun.
pub(super) const WAITING: Color32 = Color32::from_rgb(0x4a, 0x54, 0x62);

const CARD: Color32 = Color32::from_rgb(0x1d, 0x22, 0x2a);
const BORDER: Color32 = Color32::from_rgb(0x37, 0x41, 0x4f);

/// Sets fonts, spacing and colours.
pub fn apply(context: &Context) {
    context.set_theme(Theme::Dark);
    context.style_mut_of(Theme::Dark, |style| {
        let font = |size, family| FontId::new(size, family);
        style.text_styles = [
            (TextStyle::Heading, font(19.0, FontFamily::Proportional)),
            (TextStyle::Body, font(14.5, FontFamily::Proportional)),
            (TextStyle::Button, font(14.5, FontFamily::Proportional)),
            (TextStyle::Small, font(12.0, FontFamily::Proportional)),
            (TextStyle::Monospace, font(12.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = vec2(10.0, 7.0);
        style.spacing.button_padding = vec2(16.0, 6.0);
        style.visuals = Visuals::dark();
        style.visuals.override_text_color = Some(TEXT);
        style.visuals.selection.bg_fill = ACCENT.gamma_multiply(0.5);
        // Nothing that fades or grows: each step of an animation is a picture to paint.
        style.animation_time = 0.0;
    });
}

/// The frame of a page in the middle of the window.
pub(super) fn card() -> Frame {
    Frame::new()
        .fill(CARD)
        .stroke(Stroke::new(1.0, BORDER))
        .corner_radius(CornerRadius::same(10))
        .inner_margin(Margin::same(24))
        .shadow(Shadow {
            offset: [0, 6],
            blur: 22,
            spread: 0,
            color: Color32::from_black_alpha(110),
        })
}

/// The frame of something small at the border of the window.
pub(super) fn panel() -> Frame {
    Frame::new()
        .fill(CARD.gamma_multiply(0.92))
        .stroke(Stroke::new(1.0, BORDER))
        .corner_radius(CornerRadius::same(7))
        .inner_margin(Margin::symmetric(14, 10))
}
