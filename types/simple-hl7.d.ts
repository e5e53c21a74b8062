/** What the tests use of simple-hl7 3.3, which has no types. */
declare module 'simple-hl7' {
  type Message = { toString(): string };
  type Request = { readonly msg: Message };
  type Response = { end(): void };
  type Application = {
    use(handler: (request: Request, response: Response, next: () => void) => void): void;
    start(port: number): void;
    stop(): void;
  };
  const simpleHl7: { tcp(): Application; Parser: new () => { parse(text: string): Message } };
  export default simpleHl7;
}
