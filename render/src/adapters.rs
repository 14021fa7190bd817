//! What the system has to draw with.

/// Each graphics adapter with its driver, a line each. Loads the drivers of all of them.
pub fn graphics_adapters() -> Vec<String> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let mut lines: Vec<_> = adapters
        .iter()
        .map(|adapter| {
            let info = adapter.get_info();
            format!(
                "{} {:04x}:{:04x} {} {} ({})",
                info.name, info.vendor, info.device, info.driver, info.driver_info, info.backend
            )
        })
        .collect();
    lines.sort();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_described_the_same_way_each_time() {
        assert_eq!(graphics_adapters(), graphics_adapters());
    }
}
