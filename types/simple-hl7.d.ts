/** What the tests use of simple-hl7 3.3, which has no types. */
declare module 'simple-hl7' {
  /** Fields count from 1; those of the header from 1 too, MSH-1 and MSH-2 left out. */
  type Segment = { getField(index: number): string; setField(index: number, value: string): void };
  type Message = {
    readonly header: Segment;
    getSegment(name: string): Segment;
    getSegments(name: string): Segment[];
    toString(): string;
  };
  type Request = { readonly msg: Message };
  /** The ACK says AA until told otherwise. */
  type Response = { readonly ack: Message; end(): void };
  type Application = {
    use(handler: (request: Request, response: Response, next: () => void) => void): void;
    start(port: number): { readonly server: import('node:net').Server };
    stop(): void;
  };
  const simpleHl7: { tcp(): Application; Parser: new () => { parse(text: string): Message } };
  export default simpleHl7;
}
