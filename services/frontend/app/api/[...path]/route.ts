// Forwards everything below /api to the backend.
import { forward } from "@/lib/forward";

export const dynamic = "force-dynamic";

export {
  forward as GET,
  forward as POST,
  forward as PUT,
  forward as PATCH,
  forward as DELETE,
  forward as HEAD,
  forward as OPTIONS,
};
