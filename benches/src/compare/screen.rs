//! A screen of its own for each turn: Xvfb, whose pixels are read from the file that holds them.
//!
//! Reading the file asks the X server for nothing, so that looking does not slow down what is
//! looked at.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use oriel_codecs::{Size, geometry::Point};
use x11rb::{
    connection::Connection,
    protocol::{
        xproto::{
            ConfigureWindowAux, ConnectionExt as _, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
            MapState, Window,
        },
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// How long Xvfb may take to start.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// An X server without a monitor, and a client of it that looks and types.
pub struct Screen {
    server: Child,
    display: String,
    size: Size,
    pixels: File,
    first_pixel: u64,
    stride_bytes: u64,
    x11: RustConnection,
    root: Window,
    _folder: tempfile::TempDir,
}

impl Screen {
    /// Starts one of this size, 24 bits deep.
    pub fn open(size: Size) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let geometry = format!("{}x{}x24", size.width, size.height);
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &geometry, "-fbdir"])
            .arg(folder.path())
            .args(["-nolisten", "tcp", "-ac", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb does not start; ./dev setup installs it")?;
        let mut number = String::new();
        let stdout = server.stdout.take().context("Xvfb's output")?;
        BufReader::new(stdout).read_line(&mut number)?;
        let display = format!(":{}", number.trim());
        let x11 = connect(&display)?;
        let root = x11.setup().roots[0].root;
        let pixels = File::open(folder.path().join("Xvfb_screen0"))?;
        let header = Header::read(&pixels)?;
        Ok(Self {
            server,
            display,
            size,
            pixels,
            first_pixel: header.first_pixel,
            stride_bytes: header.stride_bytes,
            x11,
            root,
            _folder: folder,
        })
    }

    /// Its name, for `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Reads `count` pixels of row `y` from column `x` on: blue, green, red and nothing.
    pub fn row(&self, x: u32, y: u32, count: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count as usize * 4];
        let at = self.first_pixel + u64::from(y) * self.stride_bytes + u64::from(x) * 4;
        self.pixels.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    /// One pixel: blue, green, red.
    pub fn pixel(&self, point: Point) -> Result<[u8; 3]> {
        let mut bytes = [0; 4];
        let at = self.first_pixel + point.y as u64 * self.stride_bytes + point.x as u64 * 4;
        self.pixels.read_exact_at(&mut bytes, at)?;
        Ok([bytes[0], bytes[1], bytes[2]])
    }

    /// Writes all that is to be seen to a file.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut rgb = Vec::with_capacity(self.size.area() as usize * 3);
        for y in 0..self.size.height {
            for pixel in self.row(0, y, self.size.width)?.chunks_exact(4) {
                rgb.extend([pixel[2], pixel[1], pixel[0]]);
            }
        }
        image::RgbImage::from_raw(self.size.width, self.size.height, rgb)
            .context("three bytes a pixel")?
            .save(file)?;
        Ok(())
    }

    /// Puts the largest window into the corner and gives it the keyboard, as a window manager
    /// would. False where there is no window yet.
    pub fn settle(&self) -> Result<bool> {
        let Some(window) = self.largest_window()? else {
            return Ok(false);
        };
        let corner = ConfigureWindowAux::new().x(0).y(0).border_width(0);
        self.x11.configure_window(window, &corner)?;
        self.x11
            .set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)?;
        // The pointer lies where no client draws anything for it.
        self.x11.warp_pointer(
            x11rb::NONE,
            self.root,
            0,
            0,
            0,
            0,
            (self.size.width - 2) as i16,
            (self.size.height - 2) as i16,
        )?;
        self.x11.sync()?;
        Ok(true)
    }

    fn largest_window(&self) -> Result<Option<Window>> {
        let mut largest = None;
        for window in self.x11.query_tree(self.root)?.reply()?.children {
            let attributes = self.x11.get_window_attributes(window)?.reply();
            if attributes.is_ok_and(|a| a.map_state == MapState::VIEWABLE)
                && let Ok(shape) = self.x11.get_geometry(window)?.reply()
            {
                let area = u32::from(shape.width) * u32::from(shape.height);
                largest = largest.max(Some((area, window)));
            }
        }
        Ok(largest.map(|(_, window)| window))
    }

    /// Presses or releases a key, by X's code for it, as if it were done by hand.
    pub fn key(&self, code: u8, is_pressed: bool) -> Result<()> {
        let kind = if is_pressed {
            KEY_PRESS_EVENT
        } else {
            KEY_RELEASE_EVENT
        };
        self.x11
            .xtest_fake_input(kind, code, x11rb::CURRENT_TIME, self.root, 0, 0, 0)?;
        self.x11.flush()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn connect(display: &str) -> Result<RustConnection> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        match x11rb::connect(Some(display)) {
            Ok((connection, _)) => return Ok(connection),
            Err(error) if Instant::now() > deadline => {
                return Err(error).context("no connection to Xvfb");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The header of an X window dump (`XWDFile.h`): big-endian words.
struct Header {
    first_pixel: u64,
    stride_bytes: u64,
}

impl Header {
    fn read(file: &File) -> Result<Self> {
        let mut bytes = [0; 100];
        file.read_exact_at(&mut bytes, 0)?;
        let word = |index: usize| {
            let four = bytes[index * 4..index * 4 + 4].try_into().expect("four");
            u64::from(u32::from_be_bytes(four))
        };
        let (header_bytes, bits_per_pixel, stride_bytes, colors) =
            (word(0), word(11), word(12), word(19));
        if bits_per_pixel != 32 {
            bail!("Xvfb has {bits_per_pixel} bits a pixel");
        }
        Ok(Self {
            // A colour map entry has twelve bytes.
            first_pixel: header_bytes + colors * 12,
            stride_bytes,
        })
    }
}
