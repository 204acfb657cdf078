/**
 * Checks a value against the part of JSON Schema that the workers use: `type`, `enum`,
 * `properties`, `required`, `additionalProperties: false`, `items`, `minItems`, `maxItems`,
 * `minLength`, `maxLength`, `minimum`, `maximum`.
 */

const TYPES = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** What is wrong with `value`, each as `path: expected`; empty if it fits. */
export function problems(schema, value, path = 'answer') {
  if (schema.type && !TYPES[schema.type](value)) return [`${path}: expected ${schema.type}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: expected one of ${schema.enum.join(', ')}`];
  if (typeof value === 'string') return bounds(value.length, schema.minLength, schema.maxLength, `${path}: length`);
  if (typeof value === 'number') return bounds(value, schema.minimum, schema.maximum, path);
  if (Array.isArray(value)) return inList(schema, value, path);
  if (TYPES.object(value)) return inObject(schema, value, path);
  return [];
}

function inList(schema, list, path) {
  const found = bounds(list.length, schema.minItems, schema.maxItems, `${path}: items`);
  if (found.length > 0 || !schema.items) return found;
  return list.flatMap((item, index) => problems(schema.items, item, `${path}[${index}]`));
}

function inObject(schema, object, path) {
  const known = schema.properties ?? {};
  const has = (key) => Object.hasOwn(object, key);
  const missing = (schema.required ?? []).filter((key) => !has(key)).map((key) => `${path}.${key}: missing`);
  const unknown = schema.additionalProperties === false
    ? Object.keys(object).filter((key) => !Object.hasOwn(known, key)).map((key) => `${path}.${key}: not expected`)
    : [];
  const wrong = Object.keys(known).filter(has).flatMap((key) => problems(known[key], object[key], `${path}.${key}`));
  return [...missing, ...unknown, ...wrong];
}

function bounds(number, least = -Infinity, most = Infinity, what) {
  if (number < least) return [`${what}: expected at least ${least}, not ${number}`];
  if (number > most) return [`${what}: expected at most ${most}, not ${number}`];
  return [];
}
