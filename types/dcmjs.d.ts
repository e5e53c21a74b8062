declare module 'dcmjs' {
  type Natural = Record<string, unknown>;
  /** Elements by eight upper-case hexadecimal digits. */
  type Elements = Record<string, { vr: string; Value: unknown[] }>;
  class DicomDict {
    constructor(meta: Elements);
    dict: Elements;
    write(options?: { allowInvalidVRLength?: boolean; fragmentMultiframe?: boolean }): ArrayBuffer;
  }
  const dcmjs: {
    data: {
      DicomDict: typeof DicomDict;
      DicomMetaDictionary: {
        denaturalizeDataset(dataset: Natural): Elements;
        naturalizeDataset(elements: Elements): Natural;
      };
      DicomMessage: { readFile(bytes: ArrayBuffer, options?: Record<string, unknown>): DicomDict & { meta: Elements } };
    };
    log: { setLevel(level: string): void };
  };
  export default dcmjs;
}
