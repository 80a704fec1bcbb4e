// Derives JSON schemas from the compiled validators of the npm packages `@kubernetes-models/…`, which are generated from
// the projects' own custom resource definitions. See NOTICE.md for how to run it.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "acorn";

const modules = new Map();

function load(file) {
  if (modules.has(file)) return modules.get(file);
  const module = { file, functions: new Map(), imports: new Map(), constants: new Map() };
  modules.set(file, module);
  for (const node of parse(readFileSync(file, "utf8"), { ecmaVersion: 2022, sourceType: "module" }).body) {
    if (node.type === "FunctionDeclaration") module.functions.set(node.id.name, node);
    if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) module.imports.set(local.name, node.source.value);
    }
    const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node;
    for (const { id, init } of declaration?.declarations ?? []) module.constants.set(id.name, init);
  }
  return module;
}

// Relative to the module that names it, or a package in `node_modules`.
function resolve(module, source) {
  const path = source.startsWith(".") ? join(dirname(module.file), source) : join("node_modules", source);
  return path.endsWith(".js") ? path : `${path}.js`;
}

function* nodes(value) {
  if (Array.isArray(value)) for (const item of value) yield* nodes(item);
  else if (value && typeof value.type === "string") {
    yield value;
    for (const key of Object.keys(value)) yield* nodes(value[key]);
  }
}

function* objects(value) {
  if (value === null || typeof value !== "object") return;
  yield value;
  for (const item of Object.values(value)) yield* objects(item);
}

const literal = (module, node) => {
  switch (node.type) {
    case "Literal": return node.value;
    case "ArrayExpression": return node.elements.map((element) => literal(module, element));
    case "ObjectExpression":
      return Object.fromEntries(node.properties.map(({ key, value }) => [key.name ?? key.value, literal(module, value)]));
    case "UnaryExpression": return -literal(module, node.argument);
    case "Identifier": return module.constants.has(node.name) ? literal(module, module.constants.get(node.name)) : undefined;
    case "MemberExpression": return undefined;
    default: throw new Error(`${module.file}: ${node.type}`);
  }
};

// Which part of `data` a call is about: "" is all of it.
function part(argument) {
  if (argument.type === "Identifier") return argument.name === "data" ? { whole: true } : null;
  if (argument.type !== "MemberExpression" || argument.object.name !== "data") return null;
  if (!argument.computed) return { property: argument.property.name };
  if (argument.property.type === "Literal") return { property: argument.property.value };
  return argument.property.name.startsWith("i") ? { items: true } : { values: true };
}

// Of one kind: what is a module of its own, by its name.
let definitions;

function schemaOf(module, name) {
  if (module.imports.has(name)) {
    const other = load(resolve(module, module.imports.get(name)));
    const title = other.file.split("/").pop().replace(".js", "");
    if (!(title in definitions)) {
      definitions[title] = {};
      definitions[title] = schemaOf(other, other.constants.get("validate").name);
    }
    return { $ref: `#/$defs/${title}` };
  }
  const schema = {};
  const merge = (other) => {
    for (const [key, value] of Object.entries(other)) {
      if (key === "additionalProperties" && schema.properties) continue;
      if (key === "properties") schema.properties = { ...schema.properties, ...value };
      else schema[key] ??= value;
    }
  };
  const wholes = [];
  const body = [...nodes(module.functions.get(name).body)];
  // What is tried, and may fail: it stands in `anyOf`, `oneOf` or `not`, and is left out.
  const tries = body.some((node) => node.type === "Literal" && /^#\/(anyOf|oneOf|not)$/.test(node.value));
  for (const node of body) {
    if (node.type === "ObjectExpression") {
      const keys = Object.fromEntries(node.properties.map(({ key, value }) => [key.name, value]));
      if (!keys.keyword || !keys.schemaPath) continue;
      const keyword = keys.keyword.value;
      if (keys.schemaPath.value !== `#/${keyword}`) continue;
      const params = literal(module, keys.params);
      if (keyword === "required") (schema.required ??= []).push(params.missingProperty);
      else if (keyword === "enum") schema.enum = params.allowedValues;
      else if (["type", "pattern"].includes(keyword)) schema[keyword] = params[keyword];
      else if (/^(min|max)/.test(keyword)) schema[keyword] = params.limit;
      else if (!["anyOf", "oneOf", "not", "format"].includes(keyword)) throw new Error(`${module.file}: ${keyword}`);
    }
    if (node.type === "CallExpression" && /^validate\d*$/.test(node.callee.name ?? "")) {
      const about = part(node.arguments[0]);
      if (!about) throw new Error(`${module.file}: ${name}`);
      if (about.whole && tries) continue;
      const other = schemaOf(module, node.callee.name);
      if (about.whole) wholes.push(other);
      else if (about.items) schema.items = other;
      else if (about.values) schema.additionalProperties = other;
      else (schema.properties ??= {})[about.property] = other;
    }
  }
  // What is of one kind alone refers to it; what has properties besides takes over its own.
  for (let other of wholes) {
    while ((schema.properties || wholes.length > 1) && other.$ref) other = definitions[other.$ref.split("/").pop()];
    merge(other);
  }
  // What a structural schema doesn't name the API server drops.
  if (schema.properties && !schema.additionalProperties) schema.additionalProperties = false;
  return schema;
}

const [, , out, ...kinds] = process.argv;
for (const path of kinds) {
  const module = load(`node_modules/@kubernetes-models/${path}.js`);
  definitions = {};
  const { properties, ...schema } = schemaOf(module, module.constants.get("validate").name);
  const [kind] = properties.kind.enum;
  // Nobody writes a status.
  delete properties.status;
  const used = new Set();
  const keep = (value) => {
    for (const { $ref } of [...objects(value)].filter((object) => typeof object.$ref === "string")) {
      const name = $ref.split("/").pop();
      if (!used.has(name)) keep(definitions[used.add(name) && name]);
    }
  };
  keep(properties);
  const $defs = Object.fromEntries([...used].sort().map((name) => [name, definitions[name]]));
  const whole = { $schema: "https://json-schema.org/draft/2020-12/schema", title: kind, ...schema, properties, $defs };
  // A line for each definition, so that what an update changes can be read.
  const lines = (value) => Object.entries(value).map(([name, inner]) => `"${name}":${JSON.stringify(inner)}`).join(",\n");
  const { $defs: _, ...outer } = whole;
  writeFileSync(join(out, `${kind}.json`), `{${lines(outer)},\n"$defs":{\n${lines($defs)}}}\n`);
}
