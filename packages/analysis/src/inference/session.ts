/** ONNX graphs (sole importer of onnxruntime-node). `run` blocks its process: only the inference process calls it. */
import { reasonOf } from '@ichor/shared/errors';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import type { Port, Ports } from './ports.ts';

/** Every error is thrown, and reported by who catches it; onnxruntime would print it a second time. */
env.logLevel = 'fatal';

export type Graph = {
  /** As the graph itself says. */
  readonly ports: Ports;
  /** @param wanted outputs to compute; others cost nothing */
  run(
    inputs: Readonly<Record<string, GraphTensor>>,
    wanted: readonly string[],
  ): Promise<Readonly<Record<string, GraphOutput>>>;
};
export type GraphTensor = {
  readonly data: Float32Array | Int16Array | BigInt64Array;
  readonly shape: readonly number[];
};
export type GraphOutput = { readonly data: Float32Array; readonly shape: readonly number[] };
export type SessionOptions = {
  readonly threads: number;
  /** In order of preference, e.g. cuda, cpu. */
  readonly executionProviders: readonly string[];
};

/**
 * Loads a graph on the first execution provider that works; `cpu` always does and is tried last.
 * @param onMissing told of every provider that does not load
 */
export async function openGraph(
  path: string,
  options: SessionOptions,
  onMissing: (provider: string, reason: string) => void,
): Promise<Graph> {
  const providers = [...options.executionProviders.filter((provider) => provider !== 'cpu'), 'cpu'];
  for (const provider of providers) {
    try {
      return graphOf(
        await InferenceSession.create(path, {
          executionProviders: [provider],
          graphOptimizationLevel: 'all',
          intraOpNumThreads: options.threads,
          interOpNumThreads: 1,
        }),
      );
    } catch (error) {
      if (provider === 'cpu') throw error;
      onMissing(provider, reasonOf(error));
    }
  }
  throw new Error('no execution provider is configured');
}

function graphOf(session: InferenceSession): Graph {
  return {
    ports: { inputs: session.inputMetadata.map(portOf), outputs: session.outputMetadata.map(portOf) },
    async run(inputs, wanted) {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, { data, shape }]) => [name, tensorOf(data, shape)]),
      );
      const outputs = await session.run(feeds, [...wanted]);
      return Object.fromEntries(
        wanted.map((name) => [name, { data: outputs[name]!.data as Float32Array, shape: outputs[name]!.dims }]),
      );
    },
  };
}

const portOf = (told: InferenceSession.ValueMetadata): Port => ({
  name: told.name,
  ...(told.isTensor ? { type: told.type, shape: told.shape } : { type: 'no tensor', shape: [] }),
});

function tensorOf(data: GraphTensor['data'], shape: readonly number[]): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, shape);
  return data instanceof Int16Array ? new Tensor('int16', data, shape) : new Tensor('int64', data, shape);
}
