//! CUDA's pictures into memory that Vulkan exported.
//!
//! Unsafe, because CUDA's driver is called by its C interface, which is looked up in the library
//! that FFmpeg has opened as well. Structures and numbers are those of `cuda.h`.

use std::{
    ffi::{c_int, c_uint, c_void},
    os::fd::{IntoRawFd, OwnedFd},
    ptr,
    sync::{Arc, OnceLock},
};

use oriel_codecs::video::{CudaDevice, CudaPicture, ImportError};

use super::{
    ImportedPlanes, PlaneLayout,
    pool::{Lease, Pool},
    vulkan_memory,
};
use crate::compositor::memory::{MemoryKind, MemoryLedger, MemoryTag};

type Status = c_int;
type Context = *mut c_void;
type Stream = *mut c_void;
type ExternalMemory = *mut c_void;
type DeviceAddress = u64;

/// `CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD`.
const OPAQUE_FD: c_uint = 1;
/// `CUDA_EXTERNAL_MEMORY_DEDICATED`: the memory holds one buffer.
const DEDICATED: c_uint = 1;
/// `CU_MEMORYTYPE_DEVICE`.
const ON_DEVICE: c_uint = 2;

/// `CUDA_EXTERNAL_MEMORY_HANDLE_DESC`.
#[repr(C)]
struct HandleDescription {
    kind: c_uint,
    handle: Handle,
    size: u64,
    flags: c_uint,
    reserved: [c_uint; 16],
}

/// A union, of which a file descriptor takes the first bytes.
#[repr(C, align(8))]
struct Handle {
    fd: c_int,
    rest: [c_int; 3],
}

/// `CUDA_EXTERNAL_MEMORY_BUFFER_DESC`.
#[repr(C)]
struct BufferDescription {
    offset: u64,
    size: u64,
    flags: c_uint,
    reserved: [c_uint; 16],
}

/// One end of `CUDA_MEMCPY2D`.
#[repr(C)]
struct CopyEnd {
    x_bytes: usize,
    y: usize,
    kind: c_uint,
    host: *const c_void,
    device: DeviceAddress,
    array: *mut c_void,
    stride_bytes: usize,
}

/// `CUDA_MEMCPY2D`.
#[repr(C)]
struct Copy2d {
    source: CopyEnd,
    destination: CopyEnd,
    width_bytes: usize,
    height: usize,
}

const _: () = {
    assert!(size_of::<HandleDescription>() == 104);
    assert!(size_of::<BufferDescription>() == 88);
    assert!(size_of::<Copy2d>() == 128);
};

/// The driver's calls.
struct Driver {
    push_context: unsafe extern "C" fn(Context) -> Status,
    pop_context: unsafe extern "C" fn(*mut Context) -> Status,
    context_device: unsafe extern "C" fn(*mut c_int) -> Status,
    device_uuid: unsafe extern "C" fn(*mut [u8; 16], c_int) -> Status,
    import_memory: unsafe extern "C" fn(*mut ExternalMemory, *const HandleDescription) -> Status,
    drop_memory: unsafe extern "C" fn(ExternalMemory) -> Status,
    map_buffer: unsafe extern "C" fn(
        *mut DeviceAddress,
        ExternalMemory,
        *const BufferDescription,
    ) -> Status,
    free: unsafe extern "C" fn(DeviceAddress) -> Status,
    copy: unsafe extern "C" fn(*const Copy2d, Stream) -> Status,
    synchronise: unsafe extern "C" fn(Stream) -> Status,
    _library: libloading::Library,
}

impl Driver {
    fn get() -> Result<&'static Self, ImportError> {
        static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
        let driver = DRIVER.get_or_init(|| Self::load().map_err(|error| error.to_string()));
        driver.as_ref().map_err(ImportError::new)
    }

    fn load() -> Result<Self, libloading::Error> {
        // SAFETY: the library is NVIDIA's driver, which has decoded pictures in this process
        // already. Each name stands for a function of the type that it is kept as, and the library
        // stays open as long as they are.
        unsafe {
            let library = libloading::Library::new("libcuda.so.1")?;
            Ok(Self {
                push_context: *library.get(b"cuCtxPushCurrent_v2\0")?,
                pop_context: *library.get(b"cuCtxPopCurrent_v2\0")?,
                context_device: *library.get(b"cuCtxGetDevice\0")?,
                device_uuid: *library.get(b"cuDeviceGetUuid\0")?,
                import_memory: *library.get(b"cuImportExternalMemory\0")?,
                drop_memory: *library.get(b"cuDestroyExternalMemory\0")?,
                map_buffer: *library.get(b"cuExternalMemoryGetMappedBuffer\0")?,
                free: *library.get(b"cuMemFree_v2\0")?,
                copy: *library.get(b"cuMemcpy2DAsync_v2\0")?,
                synchronise: *library.get(b"cuStreamSynchronize\0")?,
                _library: library,
            })
        }
    }
}

fn check(what: &'static str, status: Status) -> Result<(), ImportError> {
    match status {
        0 => Ok(()),
        status => Err(ImportError(format!("{what} fails in CUDA ({status})"))),
    }
}

/// Makes a decoder's context the thread's own until it is dropped.
struct Entered(&'static Driver);

impl Entered {
    fn enter(device: &CudaDevice) -> Result<Self, ImportError> {
        let driver = Driver::get()?;
        let context = ptr::without_provenance_mut(device.context);
        // SAFETY: the context lives as long as the device.
        check("entering a context", unsafe {
            (driver.push_context)(context)
        })?;
        Ok(Self(driver))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut left = ptr::null_mut();
        // SAFETY: the context was entered on this thread, and others only within.
        let _ = unsafe { (self.0.pop_context)(&mut left) };
    }
}

/// Planes that Vulkan reads and CUDA writes.
#[derive(Debug)]
pub(super) struct SharedPlanes {
    planes: ImportedPlanes,
    layout: PlaneLayout,
    address: DeviceAddress,
    /// As a number: it is used in the device's context alone.
    memory: usize,
    device: Arc<CudaDevice>,
    _memory: MemoryTag,
}

impl SharedPlanes {
    fn new(
        vulkan: &wgpu::Device,
        ledger: &Arc<MemoryLedger>,
        device: &Arc<CudaDevice>,
        layout: PlaneLayout,
    ) -> Result<Self, ImportError> {
        let entered = Entered::enter(device)?;
        check_same_gpu(vulkan, entered.0)?;
        let (shared, handle) = vulkan_memory::export_buffer(vulkan, layout)?;
        let memory = import(entered.0, handle, shared.memory_bytes)?;
        let mut planes = Self {
            planes: ImportedPlanes::Buffer {
                buffer: shared.buffer,
                layout,
            },
            layout,
            address: 0,
            memory: memory.addr(),
            device: device.clone(),
            _memory: ledger.tag(MemoryKind::Pictures, shared.memory_bytes),
        };
        let wanted = BufferDescription {
            offset: 0,
            size: layout.bytes,
            flags: 0,
            reserved: [0; 16],
        };
        // SAFETY: the memory was just imported in this context, and is at least so large.
        check("mapping memory", unsafe {
            (entered.0.map_buffer)(&mut planes.address, memory, &wanted)
        })?;
        Ok(planes)
    }

    /// Copies a picture, and waits until it is copied.
    fn write(&self, picture: &CudaPicture<'_>) -> Result<(), ImportError> {
        let Entered(driver) = &Entered::enter(&self.device)?;
        let stream: Stream = ptr::without_provenance_mut(self.device.stream);
        let size = picture.size;
        let pairs = size.width.div_ceil(2) as usize * 2;
        let planes = [
            (
                &picture.luma,
                self.address,
                size.width as usize,
                size.height,
            ),
            (
                &picture.chroma,
                self.address + self.layout.chroma_at,
                pairs,
                size.height.div_ceil(2),
            ),
        ];
        for (from, to, width_bytes, height) in planes {
            let end = |device, stride_bytes| CopyEnd {
                x_bytes: 0,
                y: 0,
                kind: ON_DEVICE,
                host: ptr::null(),
                device,
                array: ptr::null_mut(),
                stride_bytes,
            };
            let copy = Copy2d {
                source: end(from.address, from.stride_bytes),
                destination: end(to, self.layout.stride_bytes as usize),
                width_bytes,
                height: height as usize,
            };
            // SAFETY: the source is a plane of the decoder's, of these rows, which lives until this
            // returns; the destination has room for as many rows of that length by its layout. On
            // the decoder's own stream the copy comes after what writes the picture.
            check("copying a plane", unsafe { (driver.copy)(&copy, stream) })?;
        }
        // SAFETY: the stream is the context's. Vulkan reads only what was written before.
        check("waiting for a picture", unsafe {
            (driver.synchronise)(stream)
        })
    }
}

impl Drop for SharedPlanes {
    fn drop(&mut self) {
        let Ok(Entered(driver)) = &Entered::enter(&self.device) else {
            return;
        };
        // SAFETY: both were made in this context and are used by nobody any more: what CUDA wrote
        // was waited for. Vulkan's side of the memory is counted apart.
        unsafe {
            if self.address != 0 {
                let _ = (driver.free)(self.address);
            }
            let _ = (driver.drop_memory)(ptr::without_provenance_mut(self.memory));
        }
    }
}

/// Refuses to go from one GPU to another: memory is shared within one.
fn check_same_gpu(vulkan: &wgpu::Device, driver: &Driver) -> Result<(), ImportError> {
    let (mut device, mut uuid) = (0, [0; 16]);
    // SAFETY: a context is entered, and both answers have room.
    unsafe {
        check("naming the device", (driver.context_device)(&mut device))?;
        check("naming the device", (driver.device_uuid)(&mut uuid, device))?;
    }
    match vulkan_memory::device_uuid(vulkan) {
        Some(drawn_by) if drawn_by == uuid => Ok(()),
        _ => Err(ImportError::new("one GPU decodes and another one draws")),
    }
}

fn import(driver: &Driver, handle: OwnedFd, bytes: u64) -> Result<ExternalMemory, ImportError> {
    use std::os::fd::{AsRawFd, FromRawFd};
    let raw = handle.as_raw_fd();
    let wanted = HandleDescription {
        kind: OPAQUE_FD,
        handle: Handle {
            fd: handle.into_raw_fd(),
            rest: [0; 3],
        },
        size: bytes,
        flags: DEDICATED,
        reserved: [0; 16],
    };
    let mut memory = ptr::null_mut();
    // SAFETY: a context is entered, and the handle is of Vulkan's memory of that size.
    let imported = check("importing memory", unsafe {
        (driver.import_memory)(&mut memory, &wanted)
    });
    // SAFETY: only where CUDA took the handle over is it its own.
    imported.inspect_err(|_| drop(unsafe { OwnedFd::from_raw_fd(raw) }))?;
    Ok(memory)
}

/// Copies a picture to planes that the device reads.
pub(super) fn copy(
    vulkan: &wgpu::Device,
    ledger: &Arc<MemoryLedger>,
    pool: &Arc<Pool<SharedPlanes>>,
    picture: &CudaPicture<'_>,
) -> Result<(ImportedPlanes, Lease<SharedPlanes>), ImportError> {
    let layout = PlaneLayout::of(picture.size);
    let free = pool.take(|planes| {
        planes.layout == layout
            && planes.device.context == picture.device.context
            && planes.device.stream == picture.device.stream
    });
    let shared = match free {
        Some(shared) => shared,
        None => SharedPlanes::new(vulkan, ledger, picture.device, layout)?,
    };
    shared.write(picture)?;
    Ok((shared.planes.clone(), Lease::new(shared, pool)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_the_picture_is_refused_with_a_reason() {
        if let Err(reason) = Driver::get() {
            assert!(reason.to_string().contains("libcuda"), "{reason}");
        }
    }
}
