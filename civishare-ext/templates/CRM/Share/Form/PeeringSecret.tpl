{* Changes a peering's secret. *}
<div class="crm-block crm-form-block">
  <div class="help">
    <p>{ts domain="civishare"}Generate a new secret here and press Save, then enter the same one on the same screen of the other site, within 7 days. No message is refused meanwhile: both secrets are taken until both sites have the new one.{/ts}</p>
  </div>
  {if $rotation}<div class="messages status no-popup">{$rotation|escape}</div>{/if}
  <table class="form-layout-compressed">
    <tr><td class="label">{ts domain="civishare"}Remote node{/ts}</td><td>{$remote|escape}</td></tr>
    <tr>
      <td class="label">{$form.secret.label}</td>
      <td>
        {$form.secret.html} {include file="CRM/Share/Generate.tpl"}<br />
        <span class="description">{ts domain="civishare"}Copy it before you save: afterwards it can not be shown any more.{/ts}</span>
      </td>
    </tr>
  </table>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
