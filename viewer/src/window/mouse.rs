//! The mouse over the desktop, in the protocol's words.

use oriel_codecs::geometry::Point;
use oriel_protocol::input::{InputEvent, MouseButton};
use winit::event::{ElementState, MouseButton as LocalButton, MouseScrollDelta};

use crate::input::wheel::{NOTCH, Wheel};

/// Where the mouse is, what is pressed and how far its wheels are turned.
#[derive(Debug, Default)]
pub struct Mouse {
    position: Point,
    down: Vec<MouseButton>,
    vertical: Wheel,
    horizontal: Wheel,
}

impl Mouse {
    /// It moved to a desktop pixel.
    pub fn moved(&mut self, position: Point, out: &mut Vec<InputEvent>) {
        if self.position != position {
            self.position = position;
            out.push(InputEvent::MouseMove { position });
        }
    }

    /// A button changed; one that the protocol does not have is ignored, and so is the release of
    /// one whose press was not told.
    pub fn button(&mut self, button: LocalButton, state: ElementState, out: &mut Vec<InputEvent>) {
        let Some(button) = remote_button(button) else {
            return;
        };
        let is_pressed = state == ElementState::Pressed;
        if is_pressed {
            self.down.push(button);
        } else {
            let Some(at) = self.down.iter().position(|&down| down == button) else {
                return;
            };
            self.down.remove(at);
        }
        out.push(InputEvent::MouseButton {
            position: self.position,
            button,
            is_pressed,
        });
    }

    /// A wheel was turned, or two fingers moved on a pad.
    pub fn wheel(&mut self, delta: MouseScrollDelta, out: &mut Vec<InputEvent>) {
        // winit's horizontal direction is that of the contents, the protocol's that of the view.
        let (right, up) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (
                self.horizontal.add_lines(-f64::from(x)),
                self.vertical.add_lines(f64::from(y)),
            ),
            MouseScrollDelta::PixelDelta(delta) => (
                self.horizontal.add_pixels(-delta.x),
                self.vertical.add_pixels(delta.y),
            ),
        };
        let position = self.position;
        // One event a notch: some servers take an event as one click, whatever it says.
        for _ in 0..up.unsigned_abs() {
            let delta = NOTCH * up.signum();
            out.push(InputEvent::VerticalWheel { position, delta });
        }
        for _ in 0..right.unsigned_abs() {
            let delta = NOTCH * right.signum();
            out.push(InputEvent::HorizontalWheel { position, delta });
        }
    }

    /// Lets go of every button: the window lost the focus.
    pub fn release_all(&mut self, out: &mut Vec<InputEvent>) {
        for button in self.down.drain(..) {
            out.push(InputEvent::MouseButton {
                position: self.position,
                button,
                is_pressed: false,
            });
        }
    }

    /// True while a button is down: what moves then belongs to the desktop, wherever it goes.
    pub fn is_dragging(&self) -> bool {
        !self.down.is_empty()
    }
}

fn remote_button(button: LocalButton) -> Option<MouseButton> {
    Some(match button {
        LocalButton::Left => MouseButton::Left,
        LocalButton::Right => MouseButton::Right,
        LocalButton::Middle => MouseButton::Middle,
        LocalButton::Back => MouseButton::Back,
        LocalButton::Forward => MouseButton::Forward,
        LocalButton::Other(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(run: impl FnOnce(&mut Mouse, &mut Vec<InputEvent>)) -> Vec<InputEvent> {
        let mut out = Vec::new();
        run(&mut Mouse::default(), &mut out);
        out
    }

    #[test]
    fn five_buttons_are_told_at_the_place_of_the_pointer() {
        let position = Point::new(30, 40);
        let all = [
            (LocalButton::Left, MouseButton::Left),
            (LocalButton::Right, MouseButton::Right),
            (LocalButton::Middle, MouseButton::Middle),
            (LocalButton::Back, MouseButton::Back),
            (LocalButton::Forward, MouseButton::Forward),
        ];
        for (local, button) in all {
            let out = events(|mouse, out| {
                mouse.moved(position, out);
                mouse.button(local, ElementState::Pressed, out);
                mouse.button(local, ElementState::Released, out);
            });
            let pressed = |is_pressed| InputEvent::MouseButton {
                position,
                button,
                is_pressed,
            };
            assert_eq!(
                out,
                [
                    InputEvent::MouseMove { position },
                    pressed(true),
                    pressed(false)
                ]
            );
        }
        let other = events(|mouse, out| {
            mouse.button(LocalButton::Other(9), ElementState::Pressed, out);
        });
        assert_eq!(other, []);
    }

    #[test]
    fn a_release_without_its_press_is_not_told() {
        let out = events(|mouse, out| {
            mouse.button(LocalButton::Left, ElementState::Released, out);
            mouse.button(LocalButton::Left, ElementState::Pressed, out);
            mouse.release_all(out);
            mouse.button(LocalButton::Left, ElementState::Released, out);
        });
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn each_notch_of_a_wheel_is_an_event_of_120() {
        let up = events(|mouse, out| mouse.wheel(MouseScrollDelta::LineDelta(0.0, 2.0), out));
        let position = Point::default();
        let notch = InputEvent::VerticalWheel {
            position,
            delta: 120,
        };
        assert_eq!(up, [notch, notch]);
        // X11's button 7, "right", is a line of -1 for winit.
        let right = events(|mouse, out| mouse.wheel(MouseScrollDelta::LineDelta(-1.0, 0.0), out));
        assert_eq!(
            right,
            [InputEvent::HorizontalWheel {
                position,
                delta: 120
            }]
        );
    }
}
