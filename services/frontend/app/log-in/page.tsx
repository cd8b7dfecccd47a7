// The log-in page.
import { redirect } from "next/navigation";
import { AccountForm } from "@/features/accounts/AccountForm";
import { accountsOn, signUpOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";

export default async function LogIn() {
  if (!accountsOn() || (await person())) redirect("/");
  return <AccountForm kind="log-in" signUp={signUpOn()} />;
}
