import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Manifest } from './bundle.ts';
import { type GraphName, type Port, type Ports, portProblems } from './ports.ts';

const stored = readFileSync(join(import.meta.dirname, '../../../../models/default/manifest.json'), 'utf8');
const GRAPHS = ['cnn', 'sequence', 'sequenceGrad', 'explain', 'domain'] as const;

/** The shipped manifest with one port changed in graph and manifest alike. */
function withPort(graph: GraphName, side: keyof Ports, name: string, change: (port: Port) => Port | null): Manifest {
  const manifest = Manifest.parse(JSON.parse(stored));
  const ports = manifest.files[graph]![side] as Port[];
  const index = ports.findIndex((port) => port.name === name);
  const changed = change(ports[index]!);
  ports.splice(index, 1, ...(changed === null ? [] : [changed]));
  return manifest;
}
const foundIn = ({ files }: Manifest) => Object.fromEntries(GRAPHS.map((name) => [name, files[name] as Ports]));
const told = (manifest: Manifest) => portProblems(manifest, foundIn(manifest));

test('graphs that are as the manifest says and fit one another have no problem, whatever open axes are called', () => {
  expect(told(Manifest.parse(JSON.parse(stored)))).toEqual([]);
  expect(told(withPort('sequence', 'inputs', 'features', (port) => ({ ...port, shape: ['slices', 1024] })))).toEqual(
    [],
  );
});

test('a network that looks at neighbouring slices takes them as an axis of its own', () => {
  const manifest = Manifest.parse(JSON.parse(stored));
  const amid = { ...manifest, preprocessing: { ...manifest.preprocessing, neighbours: 1 } };
  expect(portProblems(amid, foundIn(amid))).toEqual([
    'cnn.onnx: input "hu" is int16 [N, H, W], int16 [N, 3, H, W] is expected',
    'cnn.onnx: output "channels" is float32 [N, 3, 256, 256], float32 [N, 9, 256, 256] is expected',
  ]);
});

test('graphs of different widths are told with both', () => {
  expect(told(withPort('sequence', 'inputs', 'features', (port) => ({ ...port, shape: ['S', 512] })))).toEqual([
    'sequence.onnx: input "features" is float32 [S, 512], but F is 1024 in cnn.onnx: output "features"',
  ]);
  expect(told(withPort('explain', 'inputs', 'inner', (port) => ({ ...port, shape: [1, 256, 16, 16] })))).toEqual([
    'explain.onnx: input "inner" is float32 [1, 256, 16, 16], but C is 512 in cnn.onnx: output "inner"',
  ]);
});

test('a graph made for one number of slices is refused: another study has another', () => {
  expect(told(withPort('sequence', 'inputs', 'features', (port) => ({ ...port, shape: [32, 1024] })))).toEqual([
    'sequence.onnx: input "features" is float32 [32, 1024]: its axis S must be open, a study decides it',
  ]);
});

test.each<[string, GraphName, keyof Ports, string, (port: Port) => Port | null, string]>([
  [
    'another type',
    'cnn',
    'inputs',
    'hu',
    (port) => ({ ...port, type: 'float32' }),
    'cnn.onnx: input "hu" is float32 [N, H, W], int16 [N, H, W] is expected',
  ],
  [
    'another number of axes',
    'domain',
    'outputs',
    'distance',
    (port) => ({ ...port, shape: [] }),
    'domain.onnx: output "distance" is float32 [], float32 [1] is expected',
  ],
  [
    'five classes',
    'cnn',
    'outputs',
    'logits',
    (port) => ({ ...port, shape: ['N', 5] }),
    'cnn.onnx: output "logits" is float32 [N, 5], float32 [N, 6] is expected',
  ],
  [
    'no output',
    'sequenceGrad',
    'outputs',
    'weights',
    () => null,
    'sequence_grad.onnx: output "weights" is missing: float32 [T, F] is expected',
  ],
  [
    'an input that nobody feeds',
    'domain',
    'inputs',
    'features',
    (port) => ({ ...port, name: 'vectors' }),
    'domain.onnx: input "vectors" is none that production feeds',
  ],
])('%s is named with what is expected', (_, graph, side, name, change, sentence) => {
  expect(told(withPort(graph, side, name, change))).toContain(sentence);
});

test('a graph that the manifest describes wrongly is told once', () => {
  const manifest = Manifest.parse(JSON.parse(stored));
  const found = foundIn(manifest);
  const graph: Ports = { ...found['domain']!, outputs: [{ name: 'far', type: 'float32', shape: [1] }] };
  expect(portProblems(manifest, { ...found, domain: graph })).toEqual([
    'domain.onnx: output "distance" is in the manifest, but not in the graph',
    'domain.onnx: output "far" is not in the manifest',
  ]);
});
