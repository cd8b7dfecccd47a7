// Everything below /auth: accounts, sessions, and tokens for the API.
import { handle } from "@/lib/auth/handle";

export const dynamic = "force-dynamic";

export { handle as GET, handle as POST };
