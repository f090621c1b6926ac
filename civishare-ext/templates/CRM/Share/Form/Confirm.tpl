{* A question before something that can not be taken back. *}
<div class="crm-block crm-form-block">
  <div class="messages status no-popup">{$question|escape}</div>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
