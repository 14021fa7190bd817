//! What the answer to "does this driver work" depends on.

use oriel_codecs::video::ffmpeg_version;

/// The graphics hardware, its drivers and what uses them, a line each. What was found out about
/// decoders holds as long as this stays the same.
pub(super) fn describe() -> Vec<String> {
    let mut lines = vec![
        format!("oriel {}", env!("CARGO_PKG_VERSION")),
        format!("ffmpeg {}", ffmpeg_version()),
    ];
    lines.extend(graphics());
    lines
}

/// From sysfs and procfs: opening the devices would load their drivers.
#[cfg(target_os = "linux")]
fn graphics() -> Vec<String> {
    use std::{fs, path::Path, time::UNIX_EPOCH};

    fn first_line(path: impl AsRef<Path>) -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        text.lines().next().map(|line| line.trim().to_owned())
    }

    let mut lines = Vec::new();
    let kernel = first_line("/proc/sys/kernel/osrelease").unwrap_or_default();
    for node in fs::read_dir("/sys/class/drm")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = node.file_name().to_string_lossy().into_owned();
        if !name.starts_with("renderD") {
            continue;
        }
        let device = node.path().join("device");
        let id = |file: &str| first_line(device.join(file)).unwrap_or_default();
        let driver = fs::read_link(device.join("driver")).ok();
        let driver = driver.as_deref().and_then(Path::file_name);
        let driver = driver.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        // Drivers of the kernel's own tree have its version.
        let version = first_line(format!("/sys/module/{driver}/version"));
        let version = version.unwrap_or_else(|| kernel.clone());
        lines.push(format!(
            "{name} {} {} {driver} {version}",
            id("vendor"),
            id("device")
        ));
    }
    lines.extend(first_line("/proc/driver/nvidia/version"));
    // VAAPI's drivers are files in folders, which change with each installation.
    let named = std::env::var("LIBVA_DRIVERS_PATH").unwrap_or_default();
    let multiarch = format!("/usr/lib/{}-linux-gnu/dri", std::env::consts::ARCH);
    let usual = [multiarch.as_str(), "/usr/lib64/dri", "/usr/lib/dri"];
    for folder in named.split(':').chain(usual) {
        if let Ok(changed) = fs::metadata(folder).and_then(|folder| folder.modified()) {
            let seconds = changed
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            lines.push(format!("{folder} {seconds}"));
        }
    }
    lines.sort();
    lines
}

#[cfg(not(target_os = "linux"))]
fn graphics() -> Vec<String> {
    oriel_render::graphics_adapters()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_machine_is_described_the_same_way() {
        assert_eq!(describe(), describe());
        assert!(describe().iter().all(|line| !line.contains('\n')));
    }
}
