/**
 * The ports of a bundle's graphs: what each graph must take and give, whether the manifest says the same, and whether one
 * graph takes what another gives. Pure.
 */
import type { Manifest } from './bundle.ts';

export type Port = { readonly name: string; readonly type: string; readonly shape: readonly (string | number)[] };
export type Ports = { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] };
export type GraphName = 'cnn' | 'sequence' | 'sequenceGrad' | 'explain' | 'domain';
type Side = keyof Ports;

/** Axes that a study decides: a graph that fixes one fits a single study. */
const FREE_AXES = new Set(['N', 'H', 'W', 'S', 'T']);

const port = (name: string, type: string, ...shape: (string | number)[]): Port => ({ name, type, shape });
const FEATURES = port('features', 'float32', 'S', 'F');

/** What production feeds and reads. `F`, `C`, `h` and `w` are sizes that all graphs of a bundle share. */
function contractOf({ files, preprocessing, classes }: Manifest): readonly (readonly [GraphName, Ports])[] {
  const scan = [FEATURES, port('logits', 'float32', 'S', classes.length)];
  const { windows, resize, neighbours } = preprocessing;
  const seen = 2 * neighbours + 1;
  const shown = port('channels', 'float32', 'N', seen * windows.length, resize.rows, resize.columns);
  const cnn: Ports = {
    inputs: [neighbours === 0 ? port('hu', 'int16', 'N', 'H', 'W') : port('hu', 'int16', 'N', seen, 'H', 'W')],
    outputs: [
      port('features', 'float32', 'N', 'F'),
      port('logits', 'float32', 'N', classes.length),
      files.explain === undefined
        ? port('activations', 'float32', 'N', 'F', 'rows', 'columns')
        : port('inner', 'float32', 'N', 'C', 'h', 'w'),
      ...(showsPreprocessing(files.cnn) ? [shown] : []),
    ],
  };
  const gradient: Ports = {
    inputs: [...scan, port('target_slice', 'int64', 'T'), port('target_class', 'int64', 'T')],
    outputs: [port('weights', 'float32', 'T', 'F'), port('influence', 'float32', 'S', 'T')],
  };
  const explain: Ports = {
    inputs: [port('inner', 'float32', 1, 'C', 'h', 'w'), port('weights', 'float32', 'T', 'F')],
    outputs: [port('maps', 'float32', 'T', 'h', 'w')],
  };
  return [
    ['cnn', cnn],
    ['sequence', { inputs: scan, outputs: [port('sequence_logits', 'float32', 'S', classes.length)] }],
    ['sequenceGrad', gradient],
    ['explain', explain],
    ['domain', { inputs: [FEATURES], outputs: [port('distance', 'float32', 1)] }],
  ];
}

/** Whether the CNN gives what its preprocessing makes of a slice, so that it can be compared with the manifest. */
export const showsPreprocessing = (cnn: Pick<Ports, 'outputs'>): boolean =>
  cnn.outputs.some(({ name }) => name === 'channels');

/** Every disagreement of manifest, graphs and what production needs, as sentences that name file and expectation. */
export function portProblems(manifest: Manifest, found: Readonly<Partial<Record<GraphName, Ports>>>): string[] {
  const sizes = new Map<string, { size: number; where: string }>();
  return contractOf(manifest).flatMap(([name, contract]) => {
    const [file, graph] = [manifest.files[name], found[name]];
    if (file === undefined || graph === undefined) return [];
    const told = sidesOf(graph).flatMap(([side, own]) => disagreements(`${file.path}: ${side}`, own, file[side]));
    // What the manifest tells wrongly is told once.
    if (told.length > 0) return told;
    return sidesOf(contract).flatMap(([side, wanted]) => [
      ...wanted.flatMap((one) => unmet(`${file.path}: ${side}`, one, graph[side], sizes)),
      ...(side === 'inputs' ? unfed(file.path, graph.inputs, wanted) : []),
    ]);
  });
}

const sidesOf = (ports: Ports): [Side, readonly Port[]][] => [
  ['inputs', ports.inputs],
  ['outputs', ports.outputs],
];
const nameOf = (where: string, name: string): string => `${where.replace(/s$/, '')} "${name}"`;
const shown = ({ type, shape }: Port): string => `${type} [${shape.join(', ')}]`;

/** The graph's ports against those of the manifest. */
function disagreements(where: string, own: readonly Port[], told: readonly Port[]): string[] {
  const known = new Map(own.map((one) => [one.name, one]));
  const named = new Set(told.map(({ name }) => name));
  return [
    ...told.flatMap((one) => {
      const graph = known.get(one.name);
      if (graph === undefined) return [`${nameOf(where, one.name)} is in the manifest, but not in the graph`];
      return same(graph, one) ? [] : [`${nameOf(where, one.name)} is ${shown(graph)}, the manifest says ${shown(one)}`];
    }),
    ...own.flatMap(({ name }) => (named.has(name) ? [] : [`${nameOf(where, name)} is not in the manifest`])),
  ];
}

/** Open axes may have any name, and the runtime may know the size of one that the file leaves open. */
const same = (graph: Port, told: Port): boolean =>
  graph.type === told.type &&
  graph.shape.length === told.shape.length &&
  graph.shape.every((size, axis) => size === told.shape[axis] || !isFixed(told.shape[axis]!));

const isFixed = (size: string | number): size is number => typeof size === 'number' && size >= 0;

/** One port that production needs; the sizes it shares with others are noted. */
function unmet(
  where: string,
  wanted: Port,
  own: readonly Port[],
  sizes: Map<string, { size: number; where: string }>,
): string[] {
  const graph = own.find(({ name }) => name === wanted.name);
  const name = nameOf(where, wanted.name);
  if (graph === undefined) return [`${name} is missing: ${shown(wanted)} is expected`];
  if (graph.type !== wanted.type || graph.shape.length !== wanted.shape.length)
    return [`${name} is ${shown(graph)}, ${shown(wanted)} is expected`];
  return graph.shape.flatMap((size, axis) => {
    const axisName = wanted.shape[axis]!;
    if (!isFixed(size)) return [];
    if (typeof axisName === 'number')
      return size === axisName ? [] : [`${name} is ${shown(graph)}, ${shown(wanted)} is expected`];
    if (FREE_AXES.has(axisName))
      return [`${name} is ${shown(graph)}: its axis ${axisName} must be open, a study decides it`];
    const before = sizes.get(axisName);
    if (before === undefined) sizes.set(axisName, { size, where: name });
    return before === undefined || before.size === size
      ? []
      : [`${name} is ${shown(graph)}, but ${axisName} is ${before.size} in ${before.where}`];
  });
}

/** Inputs that production would leave empty. */
const unfed = (path: string, inputs: readonly Port[], wanted: readonly Port[]): string[] =>
  inputs.flatMap(({ name }) =>
    wanted.some((one) => one.name === name) ? [] : [`${path}: input "${name}" is none that production feeds`],
  );
