//! Direct3D 11's pictures into textures that Direct3D 12 reads.
//!
//! ```text
//!  decoder's array of textures ──copy of a slice──▶ shared texture ──plane 0, plane 1──▶ wgpu
//!                              Direct3D 11                        Direct3D 12
//! ```
//!
//! A decoder's own textures cannot be shared, so each picture is copied to one that can be, on the
//! decoder's device, and waited for on the decoder's thread. Nobody writes to it again before
//! Direct3D 12 has read it.
//!
//! Unsafe, because both are called by their C interfaces.

use std::{
    ffi::c_void,
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use oriel_codecs::{
    geometry::Size,
    video::{
        DecoderKind, DevicePicture, Direct3dDevice, Direct3dPicture, HardwarePicture, ImportError,
        PictureImporter,
    },
    yuv::chroma_size,
};
use wgpu::hal::api::Dx12;
use windows::{
    Win32::{
        Foundation::{HANDLE, LUID, WAIT_OBJECT_0},
        Graphics::{
            Direct3D11::{
                D3D11_BIND_SHADER_RESOURCE, D3D11_BOX, D3D11_FENCE_FLAG_NONE,
                D3D11_RESOURCE_MISC_SHARED, D3D11_RESOURCE_MISC_SHARED_NTHANDLE,
                D3D11_TEXTURE2D_DESC, D3D11_USAGE_DEFAULT, ID3D11Device, ID3D11Device5,
                ID3D11DeviceContext, ID3D11DeviceContext4, ID3D11Fence, ID3D11Texture2D,
            },
            Direct3D12::ID3D12Resource,
            Dxgi::{
                Common::{DXGI_FORMAT_NV12, DXGI_SAMPLE_DESC},
                DXGI_SHARED_RESOURCE_READ, DXGI_SHARED_RESOURCE_WRITE, IDXGIDevice, IDXGIResource1,
            },
        },
        System::Threading::{CreateEventW, WaitForSingleObject},
    },
    core::{Error, Interface, PCWSTR},
};

use super::{
    ImportedPicture, ImportedPlanes,
    pool::{Lease, Pool},
    read_only,
};
use crate::compositor::{
    gpu::{
        device::GpuDevice,
        passes::{CHROMA_FORMAT, PLANE_FORMAT},
    },
    memory::{MemoryKind, MemoryLedger, MemoryTag},
};

/// How long the copy of a picture may take, with what it waits for. Whoever watches the decoder
/// gives up later.
const MAX_COPY_MS: u32 = 500;

/// Imports pictures into one device.
#[derive(Debug)]
pub(crate) struct GpuImporter {
    device: wgpu::Device,
    serial: u64,
    memory: Arc<MemoryLedger>,
    textures: Arc<Pool<SharedTexture>>,
}

impl GpuImporter {
    /// An importer for the device, where it is Direct3D 12's.
    pub(crate) fn new(gpu: &GpuDevice) -> Option<Self> {
        // SAFETY: the device is only asked for.
        let is_direct3d = unsafe { gpu.device.as_hal::<Dx12>() }.is_some();
        is_direct3d.then(|| Self {
            device: gpu.device.clone(),
            serial: gpu.serial,
            memory: gpu.memory.clone(),
            textures: Arc::default(),
        })
    }

    fn copy(&self, picture: &Direct3dPicture<'_>) -> Result<DevicePicture, ImportError> {
        let free = self.textures.take(|texture| {
            texture.size == picture.size && texture.decoder.raw() == picture.device.raw()
        });
        let texture = match free {
            Some(texture) => texture,
            None => SharedTexture::new(&self.device, &self.memory, picture)?,
        };
        texture.write(picture)?;
        Ok(Arc::new(ImportedPicture {
            size: picture.size,
            planes: texture.planes.clone(),
            device: self.serial,
            _lease: Some(Box::new(Lease::new(texture, &self.textures))),
        }))
    }
}

impl PictureImporter for GpuImporter {
    fn wants(&self, kind: DecoderKind) -> bool {
        kind == DecoderKind::D3d11va
    }

    fn import(&self, picture: &HardwarePicture<'_>) -> Result<DevicePicture, ImportError> {
        match picture {
            HardwarePicture::Direct3d(picture) => self.copy(picture),
            _ => Err(ImportError::new("the picture is not Direct3D's")),
        }
    }

    /// Whoever offers this importer to decoders takes note.
    fn note_failure(&self, _: DecoderKind, _: &ImportError) {}
}

fn failed(what: &'static str) -> impl Fn(Error) -> ImportError {
    move |error| ImportError(format!("{what} fails: {error}"))
}

fn nothing(what: &'static str) -> impl Fn() -> ImportError {
    move || ImportError(format!("{what} gives nothing"))
}

/// What a pointer from a decoder points to.
///
/// # Safety
/// It is an interface of this type, and lives as long as the borrow.
unsafe fn interface<T: Interface>(raw: &*mut c_void) -> Result<&T, ImportError> {
    // SAFETY: as the caller says.
    unsafe { T::from_raw_borrowed(raw) }.ok_or_else(nothing("the decoder"))
}

/// A texture that the decoder's device writes and Direct3D 12 reads.
#[derive(Debug)]
struct SharedTexture {
    size: Size,
    /// Direct3D 12's side of it.
    planes: ImportedPlanes,
    /// Direct3D 11's side of it.
    texture: ID3D11Texture2D,
    decoder: Arc<Direct3dDevice>,
    written: Written,
    _memory: MemoryTag,
}

impl SharedTexture {
    fn new(
        drawn_by: &wgpu::Device,
        ledger: &Arc<MemoryLedger>,
        picture: &Direct3dPicture<'_>,
    ) -> Result<Self, ImportError> {
        let raw = picture.device.raw().as_ptr();
        // SAFETY: the decoder's device is alive, and of this type.
        let device: &ID3D11Device = unsafe { interface(&raw)? };
        check_same_gpu(drawn_by, device)?;
        let even = even(picture.size);
        let wanted = D3D11_TEXTURE2D_DESC {
            Width: even.width,
            Height: even.height,
            MipLevels: 1,
            ArraySize: 1,
            Format: DXGI_FORMAT_NV12,
            SampleDesc: DXGI_SAMPLE_DESC {
                Count: 1,
                Quality: 0,
            },
            Usage: D3D11_USAGE_DEFAULT,
            BindFlags: D3D11_BIND_SHADER_RESOURCE.0 as u32,
            CPUAccessFlags: 0,
            // A keyed mutex is what Direct3D 12 does not have.
            MiscFlags: (D3D11_RESOURCE_MISC_SHARED.0 | D3D11_RESOURCE_MISC_SHARED_NTHANDLE.0)
                as u32,
        };
        let mut texture = None;
        // SAFETY: the description is whole, and the answer has room.
        unsafe { device.CreateTexture2D(&wanted, None, Some(&mut texture)) }
            .map_err(failed("making a shared texture"))?;
        let texture = texture.ok_or_else(nothing("making a shared texture"))?;
        // Luma, and two samples for 2×2 pixels.
        let bytes = even.area() * 3 / 2;
        Ok(Self {
            size: picture.size,
            planes: open(drawn_by, &texture, picture.size)?,
            texture,
            decoder: picture.device.clone(),
            written: Written::new(device)?,
            _memory: ledger.tag(MemoryKind::Pictures, bytes),
        })
    }

    /// Copies a picture, and waits until it is copied.
    fn write(&self, picture: &Direct3dPicture<'_>) -> Result<(), ImportError> {
        let raw = picture.texture.as_ptr();
        // SAFETY: the decoder lends the texture as one of this type.
        let source: &ID3D11Texture2D = unsafe { interface(&raw)? };
        let even = even(picture.size);
        check_source(source, picture.slice, even)?;
        let whole = D3D11_BOX {
            left: 0,
            top: 0,
            front: 0,
            right: even.width,
            bottom: even.height,
            back: 1,
        };
        let held = picture.device.hold_context();
        let raw = held.context().as_ptr();
        // SAFETY: the context is alive, of this type, and this thread's own while it is held.
        let context: &ID3D11DeviceContext = unsafe { interface(&raw)? };
        // SAFETY: both textures are of the context's device and of one format, and both are as
        // large as the box. On the same context the copy comes after what writes the picture. With
        // one level a texture's number in the array is its subresource's.
        unsafe {
            context.CopySubresourceRegion(
                &self.texture,
                0,
                0,
                0,
                0,
                source,
                picture.slice,
                Some(&whole),
            );
        }
        let value = self.written.signal(context)?;
        drop(held);
        self.written.wait(value)
    }
}

/// Tells when the decoder's device has written a texture.
#[derive(Debug)]
struct Written {
    fence: ID3D11Fence,
    event: OwnedHandle,
    /// What the fence comes to with the latest picture.
    value: AtomicU64,
}

impl Written {
    fn new(device: &ID3D11Device) -> Result<Self, ImportError> {
        let device: ID3D11Device5 = device.cast().map_err(failed("asking for fences"))?;
        let mut fence = None;
        // SAFETY: the answer has room.
        unsafe { device.CreateFence(0, D3D11_FENCE_FLAG_NONE, &mut fence) }
            .map_err(failed("making a fence"))?;
        // SAFETY: an event of no name, that is reset by whom it wakes; its handle is nobody else's.
        let event = unsafe {
            let raw = CreateEventW(None, false, false, PCWSTR::null())
                .map_err(failed("making an event"))?;
            OwnedHandle::from_raw_handle(raw.0)
        };
        Ok(Self {
            fence: fence.ok_or_else(nothing("making a fence"))?,
            event,
            value: AtomicU64::new(0),
        })
    }

    /// Has the context say when it has done what it was told so far: the value to wait for.
    fn signal(&self, context: &ID3D11DeviceContext) -> Result<u64, ImportError> {
        let value = self.value.fetch_add(1, Ordering::Relaxed) + 1;
        let context: ID3D11DeviceContext4 = context.cast().map_err(failed("asking for fences"))?;
        // SAFETY: the fence is of the context's device, and the context is this thread's own. What
        // is not flushed may wait for ever.
        unsafe {
            context
                .Signal(&self.fence, value)
                .map_err(failed("signalling a fence"))?;
            context.Flush();
        }
        Ok(value)
    }

    fn wait(&self, value: u64) -> Result<(), ImportError> {
        let event = HANDLE(self.event.as_raw_handle());
        // SAFETY: the event lives as long as this, and whoever waited before was woken by it: after
        // a wait that failed the texture is not used again.
        let result = unsafe {
            self.fence
                .SetEventOnCompletion(value, event)
                .map_err(failed("waiting for a picture"))?;
            WaitForSingleObject(event, MAX_COPY_MS)
        };
        match result {
            WAIT_OBJECT_0 => Ok(()),
            other => Err(ImportError(format!(
                "the picture is not copied after {MAX_COPY_MS} ms ({})",
                other.0
            ))),
        }
    }
}

/// Pictures of this format have an even width and height.
fn even(size: Size) -> Size {
    Size::new(
        size.width.next_multiple_of(2),
        size.height.next_multiple_of(2),
    )
}

/// Refuses what a copy of that size would read beyond.
fn check_source(texture: &ID3D11Texture2D, slice: u32, even: Size) -> Result<(), ImportError> {
    let mut source = D3D11_TEXTURE2D_DESC::default();
    // SAFETY: the answer has room.
    unsafe { texture.GetDesc(&mut source) };
    let is_whole = source.Format == DXGI_FORMAT_NV12
        && source.MipLevels == 1
        && slice < source.ArraySize
        && source.Width >= even.width
        && source.Height >= even.height;
    match is_whole {
        true => Ok(()),
        false => Err(ImportError(format!(
            "texture {slice} of {} of {}x{} in format {} for a picture of {}x{}",
            source.ArraySize, source.Width, source.Height, source.Format.0, even.width, even.height
        ))),
    }
}

/// Refuses to go from one GPU to another: memory is shared within one.
fn check_same_gpu(drawn_by: &wgpu::Device, decoder: &ID3D11Device) -> Result<(), ImportError> {
    let decoded_on = || -> Result<LUID, Error> {
        let device: IDXGIDevice = decoder.cast()?;
        // SAFETY: both only ask.
        unsafe { Ok(device.GetAdapter()?.GetDesc()?.AdapterLuid) }
    };
    let decoded_on = decoded_on().map_err(failed("naming the device"))?;
    // SAFETY: the device is only used while the guard lives, and only asked.
    let drawn_on = unsafe {
        drawn_by
            .as_hal::<Dx12>()
            .map(|device| device.raw_device().GetAdapterLuid())
    };
    match drawn_on == Some(decoded_on) {
        true => Ok(()),
        false => Err(ImportError::new("one GPU decodes and another one draws")),
    }
}

/// A shared texture's planes as Direct3D 12 has them.
fn open(
    device: &wgpu::Device,
    texture: &ID3D11Texture2D,
    size: Size,
) -> Result<ImportedPlanes, ImportError> {
    let shared: IDXGIResource1 = texture.cast().map_err(failed("sharing a texture"))?;
    let access = DXGI_SHARED_RESOURCE_READ.0 | DXGI_SHARED_RESOURCE_WRITE.0;
    // SAFETY: the texture was made to be shared by such a handle, which is nobody else's.
    let handle = unsafe {
        let raw = shared
            .CreateSharedHandle(None, access, PCWSTR::null())
            .map_err(failed("sharing a texture"))?;
        OwnedHandle::from_raw_handle(raw.0)
    };
    let mut resource: Option<ID3D12Resource> = None;
    {
        // SAFETY: the device is only used while the guard lives.
        let direct3d = unsafe { device.as_hal::<Dx12>() }
            .ok_or_else(|| ImportError::new("the device is not Direct3D 12's"))?;
        let handle = HANDLE(handle.as_raw_handle());
        // SAFETY: the handle is open and of a texture, and the answer has room for one.
        unsafe {
            direct3d
                .raw_device()
                .OpenSharedHandle(handle, &mut resource)
        }
        .map_err(failed("opening a shared texture"))?;
    }
    let resource = resource.ok_or_else(nothing("opening a shared texture"))?;
    let half = chroma_size(size);
    Ok(ImportedPlanes::Textures {
        luma: plane(device, &resource, 0, size, PLANE_FORMAT),
        chroma: plane(device, &resource, 1, half, CHROMA_FORMAT),
    })
}

/// One plane of a texture of two.
fn plane(
    device: &wgpu::Device,
    resource: &ID3D12Resource,
    slice: u32,
    size: Size,
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    let description = read_only(size, format);
    // SAFETY: the resource is of this device and has two planes, of which this format and size are
    // those of the one that is named. It is in the common state, from which Direct3D brings a
    // texture that is copied from to the right state and back by itself: wgpu, which is told that
    // it is in that state always, records no barriers. Both planes are only ever copied from.
    unsafe {
        let texture = wgpu::hal::dx12::Device::texture_from_raw(
            resource.clone(),
            format,
            description.dimension,
            description.size,
            description.mip_level_count,
            description.sample_count,
        )
        .with_plane_slice(slice);
        device.create_texture_from_hal::<Dx12>(
            texture,
            &description,
            wgpu::wgt::TextureUses::COPY_SRC,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_textures_are_even_and_hold_the_picture() {
        assert_eq!(even(Size::new(1366, 768)), Size::new(1366, 768));
        assert_eq!(even(Size::new(1365, 767)), Size::new(1366, 768));
    }
}
