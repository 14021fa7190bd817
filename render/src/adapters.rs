//! What the system has to draw with.

/// Each graphics adapter with its driver, a line each. Loads the drivers of all of them.
pub fn graphics_adapters() -> Vec<String> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let mut lines: Vec<_> = adapters
        .iter()
        .map(|adapter| identity(&adapter.get_info()))
        .collect();
    lines.sort();
    lines
}

/// An adapter and its driver, in a line.
pub(crate) fn identity(info: &wgpu::AdapterInfo) -> String {
    format!(
        "{} {:04x}:{:04x} {} {} ({})",
        info.name, info.vendor, info.device, info.driver, info.driver_info, info.backend
    )
}

/// False where there is certainly no graphics adapter but those that the CPU emulates: what their
/// drivers bring along takes longer to load than a whole session to connect. Nothing is opened.
#[cfg(target_os = "linux")]
pub(crate) fn may_have_gpu() -> bool {
    // Whoever names drivers has a reason to.
    let is_told = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if ["VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_ICD_FILENAMES"]
        .iter()
        .any(is_told)
    {
        return true;
    }
    let names = |folder: &str| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|node| node.file_name().into_string().ok())
            .collect()
    };
    is_gpu_among(names("/dev"), names("/dev/dri"))
}

/// Elsewhere a system without a GPU is too rare to look for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn may_have_gpu() -> bool {
    true
}

/// Whether a GPU is among the devices under `/dev` and under `/dev/dri`. A node `card0` without a
/// render node shows pictures and draws none.
#[cfg(target_os = "linux")]
fn is_gpu_among(dev: Vec<String>, dri: Vec<String>) -> bool {
    let is_numbered = |name: &str, begin: &str| {
        name.strip_prefix(begin)
            .is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
    };
    dri.iter().any(|name| is_numbered(name, "renderD"))
        || dev.iter().any(|name| {
            // NVIDIA's, Arm's and Imagination's own nodes, Qualcomm's, and Windows' under WSL.
            ["nvidia", "mali", "pvr"]
                .iter()
                .any(|begin| is_numbered(name, begin))
                || ["kgsl-3d0", "pvr_sync", "dxg"].contains(&name.as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_nodes_that_draw_count_as_a_gpu() {
        let is_gpu = |dev: &[&str], dri: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            is_gpu_among(owned(dev), owned(dri))
        };
        assert!(is_gpu(&["dri"], &["by-path", "card0", "renderD128"]));
        assert!(is_gpu(&["nvidia0", "nvidiactl"], &[]));
        assert!(is_gpu(&["dxg"], &[]));
        assert!(!is_gpu(&["dri", "fb0", "nvidiactl", "tty0"], &["card0"]));
        assert!(!is_gpu(&[], &[]));
    }

    #[test]
    fn adapters_are_described_the_same_way_each_time() {
        assert_eq!(graphics_adapters(), graphics_adapters());
    }
}
