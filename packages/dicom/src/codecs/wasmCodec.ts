/** The interface that the three cornerstone codecs share: bytes in, bytes out, through WebAssembly memory. */

type Decoder = {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  delete?(): void;
};
type DecoderModule<Name extends string> = Record<Name, new () => Decoder>;

/**
 * A codec whose module is made when it is first needed, and anew after a broken codestream: a module that gave up may fail whatever
 * comes next.
 * @returns decodes a frame to a copy of its bytes, little endian. @throws Error for a broken codestream
 */
export function openCodec<Name extends string>(makeModule: () => Promise<DecoderModule<Name>>, name: Name) {
  let module: Promise<DecoderModule<Name>> | null = null;
  return async (frame: Uint8Array): Promise<Uint8Array> => {
    module ??= makeModule();
    try {
      return decodeWith((await module)[name], frame);
    } catch (error) {
      module = null;
      throw error instanceof Error ? error : new Error('the codestream is broken');
    }
  };
}

function decodeWith(DecoderOf: new () => Decoder, frame: Uint8Array): Uint8Array {
  const decoder = new DecoderOf();
  try {
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    return decoder.getDecodedBuffer().slice();
  } finally {
    decoder.delete?.();
  }
}
