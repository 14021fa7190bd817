//! Whether the pointer's wheel is an axis or four buttons, asked of the X server.
//!
//! Holds for windows of X11 alone. A wheel that is an axis tells each notch once. One that is buttons, as those of VNC and of other
//! remote desktops are, is pressed and released for each notch, and winit tells both alike.

#[cfg(target_os = "linux")]
mod x11 {
    use std::time::{Duration, Instant};

    use x11rb::{
        protocol::xinput::{ConnectionExt as _, Device, DeviceClassData, DeviceType},
        rust_connection::RustConnection,
    };

    /// A turn after so long a pause may be that of another device.
    const PAUSE: Duration = Duration::from_millis(500);

    /// A connection of its own, beside winit's.
    pub struct LocalPointer {
        connection: RustConnection,
        last: Option<(Instant, f32)>,
    }

    impl LocalPointer {
        /// Connects to `display`, or to the one that the environment names; `None` where there is
        /// no X server with the input extension.
        pub fn open(display: Option<&str>) -> Option<Self> {
            let (connection, _) = x11rb::connect(display).ok()?;
            let version = connection
                .xinput_xi_query_version(2, 1)
                .ok()?
                .reply()
                .ok()?;
            let last = None;
            (version.major_version >= 2).then_some(Self { connection, last })
        }

        /// How often winit tells each notch of the device that was used last.
        pub fn times_told(&mut self, now: Instant) -> f32 {
            let known = self
                .last
                .filter(|(at, _)| now.saturating_duration_since(*at) < PAUSE);
            let times = match known {
                Some((_, times)) => times,
                None if self.has_wheel_axis() == Some(false) => 2.0,
                None => 1.0,
            };
            self.last = Some((now, times));
            times
        }

        /// A master pointer has the classes of the device that moved it last.
        fn has_wheel_axis(&self) -> Option<bool> {
            let devices = self
                .connection
                .xinput_xi_query_device(Device::ALL_MASTER)
                .ok()?
                .reply()
                .ok()?;
            let pointer = devices
                .infos
                .iter()
                .find(|device| device.type_ == DeviceType::MASTER_POINTER)?;
            Some(
                pointer
                    .classes
                    .iter()
                    .any(|class| matches!(class.data, DeviceClassData::Scroll(_))),
            )
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::time::Instant;

    /// No X server here.
    pub struct LocalPointer;

    impl LocalPointer {
        /// Never there.
        pub fn open(_display: Option<&str>) -> Option<Self> {
            None
        }

        /// Every notch is told once.
        pub fn times_told(&mut self, _now: Instant) -> f32 {
            1.0
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::LocalPointer;
#[cfg(target_os = "linux")]
pub use x11::LocalPointer;
