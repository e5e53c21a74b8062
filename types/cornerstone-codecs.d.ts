declare module '@cornerstonejs/codec-charls/decodewasmjs' {
  export default function makeModule(options?: object): Promise<never>;
}
declare module '@cornerstonejs/codec-openjpeg/decodewasmjs' {
  export default function makeModule(options?: object): Promise<never>;
}
declare module '@cornerstonejs/codec-openjph' {
  export default function makeModule(options?: object): Promise<never>;
}
