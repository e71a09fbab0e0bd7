/** A failure: `code` is the library's errc by name ("invalid_image"), `message` its sentence. */
export class MobileNetError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'MobileNetError';
    this.code = code;
  }
}

export const invalidArgument = (message) => new MobileNetError('invalid_argument', message);
