//! A component that forwards every call: it imports and exports `session-store` and `session-manager`.
//!
//! Wasmtime does not let a component re-export an import, so code in between is generated from the WIT. Parameters and
//! results have the same layout on both sides, except for resources: an exported resource is the component's own, and
//! its representation is the handle of the imported one.

use std::collections::HashMap;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Instruction as I, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{
    Function as WitFunction, Handle, Int, InterfaceId, Resolve, SizeAlign, SourceMap, Type, TypeDefKind, TypeId,
    WorldItem,
};

/// The WIT of the interfaces that the relay forwards.
const CONTRACT: [(&str, &str); 2] = [
    ("session-store.wit", include_str!("../../../wit/session-store.wit")),
    ("session-manager.wit", include_str!("../../../wit/session-manager.wit")),
];

const WORLD: &str = "
    package session3:relay;
    world relay {
        import session3:sessions/session-store@0.2.0;
        import session3:sessions/session-manager@0.2.0;
        export session3:sessions/session-store@0.2.0;
        export session3:sessions/session-manager@0.2.0;
    }";

/// Generates the component.
pub(super) fn component() -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let mut contract = SourceMap::default();
    for (file, text) in CONTRACT {
        contract.push_str(file, text);
    }
    resolve.push_group(contract.parse().map_err(|(_, error)| error)?)?;
    let package = resolve.push_str("relay.wit", WORLD)?;
    let world = resolve.select_world(&[package], None)?;
    let exports = resolve.worlds[world].exports.values();
    let interfaces: Vec<InterfaceId> =
        exports.filter_map(|item| if let WorldItem::Interface { id, .. } = item { Some(*id) } else { None }).collect();
    let mut module = Relay::of(&resolve, &interfaces).encode();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

/// The core module under construction.
struct Relay<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    /// The number of functions.
    count: u32,
    /// The imported functions by name.
    imported: HashMap<(String, String), u32>,
}

/// The global with the start of free memory. A call frees all its memory when it ends.
const FREE: u32 = 0;
/// The initial start of free memory.
const START: i32 = 16;

impl<'a> Relay<'a> {
    fn of(resolve: &'a Resolve, interfaces: &[InterfaceId]) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        let mut relay = Self {
            resolve,
            sizes,
            types: TypeSection::new(),
            imports: ImportSection::new(),
            functions: FunctionSection::new(),
            exports: ExportSection::new(),
            code: CodeSection::new(),
            count: 0,
            imported: HashMap::new(),
        };
        interfaces.iter().for_each(|interface| relay.import_interface(*interface));
        let realloc = relay.define(&[ValType::I32; 4], &[ValType::I32], &realloc());
        relay.exports.export("cabi_realloc", ExportKind::Func, realloc);
        interfaces.iter().for_each(|interface| relay.export_interface(*interface, realloc));
        relay
    }

    fn import_interface(&mut self, interface: InterfaceId) {
        let (resolve, name) = (self.resolve, self.name(interface));
        for function in resolve.interfaces[interface].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            self.import(&name, &function.name, &values(&signature.params), &values(&signature.results));
        }
        for resource in self.resources(interface) {
            let exported = format!("[export]{name}");
            self.import(&name, &format!("[resource-drop]{resource}"), &[ValType::I32], &[]);
            self.import(&exported, &format!("[resource-new]{resource}"), &[ValType::I32], &[ValType::I32]);
            self.import(&exported, &format!("[resource-rep]{resource}"), &[ValType::I32], &[ValType::I32]);
        }
    }

    fn export_interface(&mut self, interface: InterfaceId, realloc: u32) {
        let (resolve, name) = (self.resolve, self.name(interface));
        for function in resolve.interfaces[interface].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let results = values(&signature.results);
            let body = self.hand_on(&name, function, realloc);
            let index = self.define(&values(&signature.params), &results, &body);
            let symbol = format!("{name}#{}", function.name);
            self.exports.export(&symbol, ExportKind::Func, index);
            let over = self.define(&results, &[], &sequence(&[I::I32Const(START), I::GlobalSet(FREE)]));
            self.exports.export(&format!("cabi_post_{symbol}"), ExportKind::Func, over);
        }
        for resource in self.resources(interface) {
            let drop = self.imported(&name, &format!("[resource-drop]{resource}"));
            let index = self.define(&[ValType::I32], &[], &sequence(&[I::LocalGet(0), I::Call(drop)]));
            self.exports.export(&format!("{name}#[dtor]{resource}"), ExportKind::Func, index);
        }
    }

    /// The body of an exported function, which calls the imported one.
    fn hand_on(&self, interface: &str, function: &WitFunction, realloc: u32) -> Function {
        let import = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let inputs = (import.params.len() - usize::from(import.retptr)) as u32;
        let area = inputs;
        let mut body = Function::new([(1, ValType::I32)]);
        if let (true, Some(result)) = (import.retptr, &function.result) {
            let size = self.sizes.size(result).size_wasm32() as i32;
            for step in [I::I32Const(0), I::I32Const(0), I::I32Const(8), I::I32Const(size), I::Call(realloc)] {
                body.instruction(&step);
            }
            body.instruction(&I::LocalSet(area));
        }
        // Parameters in memory are passed by pointer; none of them is an owned handle.
        let owned = if import.indirect_params { HashMap::new() } else { self.owned(function) };
        for input in 0..inputs {
            body.instruction(&I::LocalGet(input));
            if let Some(resource) = owned.get(&input) {
                // An owned argument leaves its exported handle undropped: dropping it would drop the imported one too.
                body.instruction(&I::Call(self.intrinsic("[resource-rep]", *resource)));
            }
        }
        if import.retptr {
            body.instruction(&I::LocalGet(area));
        }
        body.instruction(&I::Call(self.imported(interface, &function.name)));
        match &function.result {
            Some(result) if import.retptr => {
                self.adopt(&mut body, result, area, 0);
                body.instruction(&I::LocalGet(area));
            }
            Some(result) => {
                if let Some(resource) = self.own(result) {
                    body.instruction(&I::Call(self.intrinsic("[resource-new]", resource)));
                }
            }
            None => {}
        }
        body.instruction(&I::End);
        body
    }

    /// The flat parameters of a function that are owned handles.
    fn owned(&self, function: &WitFunction) -> HashMap<u32, TypeId> {
        let mut owned = HashMap::new();
        let mut storage = [WasmType::I32; 17];
        let mut at = 0;
        for param in &function.params {
            let mut flat = FlatTypes::new(&mut storage);
            assert!(self.resolve.push_flat(&param.ty, &mut flat));
            owned.extend(self.own(&param.ty).map(|resource| (at, resource)));
            at += flat.to_vec().len() as u32;
        }
        owned
    }

    /// Replaces each imported handle of a result in memory by a new exported one.
    fn adopt(&self, body: &mut Function, ty: &Type, area: u32, offset: u64) {
        if let Some(resource) = self.own(ty) {
            let place = MemArg { offset, align: 2, memory_index: 0 };
            let new = self.intrinsic("[resource-new]", resource);
            for step in [I::LocalGet(area), I::LocalGet(area), I::I32Load(place), I::Call(new), I::I32Store(place)] {
                body.instruction(&step);
            }
            return;
        }
        let Type::Id(id) = ty else { return };
        // The tag of the case that may contain handles, its type, and the type of the other case.
        let (tag, inner, other) = match &self.resolve.types[*id].kind {
            TypeDefKind::Type(ty) => return self.adopt(body, ty, area, offset),
            TypeDefKind::Option(some) => (1, Some(some), None),
            TypeDefKind::Result(result) => (0, result.ok.as_ref(), result.err.as_ref()),
            _ => return,
        };
        let Some(inner) = inner else { return };
        let payload = offset + self.sizes.payload_offset(Int::U8, [Some(inner), other]).size_wasm32() as u64;
        body.instruction(&I::LocalGet(area));
        body.instruction(&I::I32Load8U(MemArg { offset, align: 0, memory_index: 0 }));
        body.instruction(&I::I32Const(tag)).instruction(&I::I32Eq).instruction(&I::If(BlockType::Empty));
        self.adopt(body, inner, area, payload);
        body.instruction(&I::End);
    }

    /// The resource of which the type is an owned handle, if any.
    fn own(&self, ty: &Type) -> Option<TypeId> {
        let Type::Id(id) = ty else { return None };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Handle(Handle::Own(resource)) => Some(*resource),
            TypeDefKind::Type(ty) => self.own(ty),
            _ => None,
        }
    }

    fn intrinsic(&self, which: &str, resource: TypeId) -> u32 {
        let ty = &self.resolve.types[resource];
        let wit_parser::TypeOwner::Interface(interface) = ty.owner else { panic!("a resource of an interface") };
        let name = ty.name.as_deref().expect("resources have names");
        self.imported(&format!("[export]{}", self.name(interface)), &format!("{which}{name}"))
    }

    fn imported(&self, module: &str, name: &str) -> u32 {
        self.imported[&(module.to_owned(), name.to_owned())]
    }

    fn name(&self, interface: InterfaceId) -> String {
        self.resolve.id_of(interface).expect("interfaces have names")
    }

    fn resources(&self, interface: InterfaceId) -> Vec<String> {
        let types = self.resolve.interfaces[interface].types.iter();
        let resources = types.filter(|(_, id)| matches!(self.resolve.types[**id].kind, TypeDefKind::Resource));
        resources.map(|(name, _)| name.clone()).collect()
    }

    fn import(&mut self, module: &str, name: &str, params: &[ValType], results: &[ValType]) {
        let ty = self.ty(params, results);
        self.imports.import(module, name, EntityType::Function(ty));
        self.imported.insert((module.to_owned(), name.to_owned()), self.count);
        self.count += 1;
    }

    fn define(&mut self, params: &[ValType], results: &[ValType], body: &Function) -> u32 {
        let ty = self.ty(params, results);
        self.functions.function(ty);
        self.code.function(body);
        self.count += 1;
        self.count - 1
    }

    fn ty(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        self.types.ty().function(params.iter().copied(), results.iter().copied());
        self.types.len() - 1
    }

    fn encode(mut self) -> Vec<u8> {
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
        memories.memory(memory);
        let mut globals = GlobalSection::new();
        let global = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(global, &ConstExpr::i32_const(START));
        let mut module = Module::new();
        module.section(&self.types).section(&self.imports).section(&self.functions).section(&memories);
        module.section(&globals).section(&self.exports).section(&self.code);
        module.finish()
    }
}

/// `cabi_realloc`, a bump allocator. A reallocation copies the old block.
fn realloc() -> Function {
    let (old, old_size, align, size, new) = (0, 1, 2, 3, 4);
    let mut body = Function::new([(1, ValType::I32)]);
    // new = (FREE + align - 1) & -align
    for step in [I::GlobalGet(FREE), I::LocalGet(align), I::I32Add, I::I32Const(1), I::I32Sub] {
        body.instruction(&step);
    }
    for step in [I::I32Const(0), I::LocalGet(align), I::I32Sub, I::I32And, I::LocalTee(new)] {
        body.instruction(&step);
    }
    for step in [I::LocalGet(size), I::I32Add, I::GlobalSet(FREE)] {
        body.instruction(&step);
    }
    // Grow by the missing pages and one more.
    for step in [I::GlobalGet(FREE), I::MemorySize(0), I::I32Const(16), I::I32Shl, I::I32GtU, I::If(BlockType::Empty)] {
        body.instruction(&step);
    }
    for step in
        [I::GlobalGet(FREE), I::I32Const(16), I::I32ShrU, I::MemorySize(0), I::I32Sub, I::I32Const(1), I::I32Add]
    {
        body.instruction(&step);
    }
    for step in [I::MemoryGrow(0), I::I32Const(-1), I::I32Eq, I::If(BlockType::Empty), I::Unreachable, I::End, I::End] {
        body.instruction(&step);
    }
    for step in [I::LocalGet(new), I::LocalGet(old), I::LocalGet(old_size), I::MemoryCopy { src_mem: 0, dst_mem: 0 }] {
        body.instruction(&step);
    }
    body.instruction(&I::LocalGet(new)).instruction(&I::End);
    body
}

fn sequence(steps: &[I<'_>]) -> Function {
    let mut body = Function::new([]);
    for step in steps {
        body.instruction(step);
    }
    body.instruction(&I::End);
    body
}

fn values(types: &[WasmType]) -> Vec<ValType> {
    let value = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    };
    types.iter().map(value).collect()
}
