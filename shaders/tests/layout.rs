//! What Rust writes is what the shaders read.

use std::mem::{offset_of, size_of};

use naga::{Module, TypeInner};
use oriel_shaders::{
    FRAGMENT, FRAGMENT_CHROMA, FillInstance, MODULES, PassUniform, RectInstance, SCALE,
    ScaleUniform, TILES, TileInstance,
};

fn parse(source: &str) -> Module {
    naga::front::wgsl::parse_str(source).expect("the build has validated it")
}

/// Name and offset of each member of the uniform at `binding`, and its size.
fn layout(module: &Module, binding: u32) -> (Vec<(String, u32)>, u32) {
    let (_, variable) = module
        .global_variables
        .iter()
        .find(|(_, variable)| {
            variable
                .binding
                .is_some_and(|place| place.group == 0 && place.binding == binding)
        })
        .expect("a variable at the binding");
    let TypeInner::Struct { members, span } = &module.types[variable.ty].inner else {
        panic!("binding {binding} is no structure");
    };
    let members = members
        .iter()
        .map(|member| (member.name.clone().expect("a name"), member.offset))
        .collect();
    (members, *span)
}

#[test]
fn the_pass_uniform_has_the_shaders_layout_in_every_pass() {
    for module in MODULES {
        let (members, span) = layout(&parse(module.source), 0);
        let mirror = [
            (
                "target_size".to_owned(),
                offset_of!(PassUniform, target_size) as u32,
            ),
            ("origin".to_owned(), offset_of!(PassUniform, origin) as u32),
        ];
        assert_eq!(members, mirror, "{}", module.name);
        assert_eq!(span as usize, size_of::<PassUniform>());
    }
}

#[test]
fn the_scale_uniform_has_the_shaders_layout() {
    let (members, span) = layout(&parse(SCALE.source), SCALE.textures + 1);
    let mirror = [
        (
            "source_size".to_owned(),
            offset_of!(ScaleUniform, source_size) as u32,
        ),
        (
            "shown_size".to_owned(),
            offset_of!(ScaleUniform, shown_size) as u32,
        ),
        (
            "is_cubic".to_owned(),
            offset_of!(ScaleUniform, is_cubic) as u32,
        ),
    ];
    assert_eq!(members, mirror);
    assert_eq!(span as usize, size_of::<ScaleUniform>());
}

#[test]
fn a_tile_has_the_shaders_layout_and_its_plane_the_size_that_is_told() {
    let module = parse(TILES.source);
    let (_, tile) = module
        .types
        .iter()
        .find(|(_, kind)| kind.name.as_deref() == Some("Tile"))
        .expect("the structure");
    let TypeInner::Struct { members, span } = &tile.inner else {
        panic!("no structure");
    };
    let offsets: Vec<_> = members
        .iter()
        .map(|member| member.offset as usize)
        .collect();
    let mirror = [
        offset_of!(TileInstance, place),
        offset_of!(TileInstance, pitch),
        offset_of!(TileInstance, extrapolates),
        offset_of!(TileInstance, shifts),
    ];
    assert_eq!(offsets, mirror);
    assert_eq!(*span as usize, size_of::<TileInstance>());
    let shared: u32 = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
        .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
        .sum();
    assert_eq!(shared, TILES.shared_bytes);
}

#[test]
fn instances_hold_four_floats_a_location() {
    assert_eq!(size_of::<RectInstance>(), 16);
    assert_eq!(size_of::<FillInstance>(), 32);
    assert_eq!(offset_of!(FillInstance, color), 16);
    for module in MODULES {
        let parsed = parse(module.source);
        let stage = parsed
            .entry_points
            .iter()
            .find(|stage| stage.name == module.vertex)
            .expect("the vertex stage");
        let locations: Vec<_> = stage
            .function
            .arguments
            .iter()
            .filter_map(|argument| match argument.binding {
                Some(naga::Binding::Location { location, .. }) => Some((
                    location,
                    parsed.types[argument.ty].inner.size(parsed.to_ctx()),
                )),
                _ => None,
            })
            .collect();
        let expected = if module.name == "fill" {
            vec![(0, 16), (1, 16)]
        } else {
            vec![(0, 16)]
        };
        assert_eq!(locations, expected, "{}", module.name);
    }
}

#[test]
fn every_pass_reads_as_many_textures_as_its_module_says() {
    for module in MODULES {
        let parsed = parse(module.source);
        let textures = parsed
            .global_variables
            .iter()
            .filter(|(_, variable)| {
                matches!(parsed.types[variable.ty].inner, TypeInner::Image { .. })
            })
            .count();
        assert_eq!(textures as u32, module.textures, "{}", module.name);
        assert!(
            parsed
                .entry_points
                .iter()
                .any(|stage| stage.name == FRAGMENT)
        );
    }
    let luma = parse(oriel_shaders::AVC444_LUMA.source);
    assert!(
        luma.entry_points
            .iter()
            .any(|stage| stage.name == FRAGMENT_CHROMA)
    );
}
